"""The toy's map: the skin of a face model, unrolled."""

import numpy as np

from lineament.geometry.uv import make_uv_map


def skin_map(model, size):
    """Tables between the mesh and its map; eyes and teeth have no place there."""
    first, last = model.parts["face"]
    skin = model.triangles[first:last]
    uv = np.full((len(model.neutral_model), 2), np.nan)
    reached = np.unique(skin)
    uv[reached] = model.uv[reached]
    return make_uv_map(uv, skin, size=size)
