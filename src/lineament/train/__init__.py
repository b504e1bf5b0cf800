"""Training: the only wing that imports torch."""
