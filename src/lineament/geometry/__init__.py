"""Pure numpy geometry: rotations, cameras, meshes, face models. Knows nothing of networks or photos."""
