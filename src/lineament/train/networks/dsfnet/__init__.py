"""DSFNet's network: encoder, heads, points, fusion, and the geometry between them."""
