"""Drawing and warping: triangles into pictures, pictures into pictures."""
