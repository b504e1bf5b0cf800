"""Programs for those who work on lineament: pictures of the docs, checks in Blender, runs on a lent GPU."""
