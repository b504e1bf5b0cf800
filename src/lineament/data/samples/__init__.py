"""The sample every method trains on, and how sets of samples are stored."""
