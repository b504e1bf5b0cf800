"""Metrics with one definition each, and how sets are scored."""
