"""The command `lineament`: each command parses, calls public functions of the package, prints."""
