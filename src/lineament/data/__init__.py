"""The data factory: photographs with fitted faces become labelled training samples. No torch here."""
