"""Data sets as cases: each module reads one family of published sets through `lineament.data.formats`."""
