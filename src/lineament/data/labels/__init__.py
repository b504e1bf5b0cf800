"""Dense labels made from samples, and labels predicted by our own aligner."""
