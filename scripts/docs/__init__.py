"""What makes the pictures, tables and the notebook of the docs."""
