"""Training of the network that completes textures."""
