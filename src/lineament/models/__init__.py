"""Face models: the one inside the package, and readers for those that users bring."""
