"""Data sets as evaluation items: a module a family of published sets, by way of `lineament.data.formats`."""
