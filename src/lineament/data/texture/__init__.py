"""The texture model: unwrapping, completion, modes."""
