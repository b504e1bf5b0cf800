"""Training of the networks that look at eyes and mouths in close-up."""
