"""Training of the morphable regressor."""
