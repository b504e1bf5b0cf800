"""Evaluation: metrics with one definition each, and the protocols that published tables use."""
