"""Training of the network that sees what is in front of a face."""
