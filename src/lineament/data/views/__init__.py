"""New views and expressions painted from photographs."""
