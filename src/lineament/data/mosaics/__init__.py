"""Training pictures of the detector: many faces, and much that is no face."""
