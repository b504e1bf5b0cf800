"""Things in front of faces, with their masks."""
