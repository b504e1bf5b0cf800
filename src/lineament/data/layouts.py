"""Where the points of other programs' meshes lie on the built-in face model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lineament.data.fitting import PointLayout
from lineament.models.builtin import BUILTIN_PATH


def mesh_layout(path: Path = BUILTIN_PATH) -> PointLayout:
    """The 468 vertices of MediaPipe's mesh and the right and left iris centres, as points of LFM."""
    with np.load(path) as data:
        trust, depth_trust = data["mesh478_trust"]
        return PointLayout(
            vertex_index=data["mesh478_vertex_index"].astype(np.int32),
            weights=data["mesh478_weights"],
            trust=trust.astype(float),
            depth_trust=depth_trust.astype(float),
        )
