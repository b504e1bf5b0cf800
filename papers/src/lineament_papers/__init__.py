"""Weights of published methods, as data: index.json lists the bundles beside it."""
