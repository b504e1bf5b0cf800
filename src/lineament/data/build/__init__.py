"""Whole training sets from a recipe: workers, generators, previews."""
