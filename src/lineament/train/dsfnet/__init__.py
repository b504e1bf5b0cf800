"""Training of DSFNet."""
