"""Pure numpy geometry: rotations, cameras, alignment, meshes, morphable models. Knows nothing of networks or photos."""
