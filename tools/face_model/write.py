"""Writes LFM as the package keeps it: half of every mode, in 16 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.data.fitting.layout import PointLayout
from lineament.geometry.morphable import MorphableModel
from tools.face_model.assemble import Assembled

Array = NDArray[np.floating]

STEPS = 32767
LICENCE = (
    "LFM was computed by lineament from ICT-FaceKit, Copyright (c) 2020 USC Institute for Creative "
    "Technologies, MIT licence (see NOTICE). It holds no data of any other face model."
)


def write_model(path: Path, model: MorphableModel, assembled: Assembled, layout: PointLayout) -> None:
    """Write the arrays that :func:`lineament.models.builtin.load_builtin` reads."""
    assert model.mirror is not None
    half = np.flatnonzero(np.arange(len(model.mirror.vertex)) <= model.mirror.vertex)
    own_shapes = np.flatnonzero(np.arange(len(model.mirror.expression)) <= model.mirror.expression)
    arrays: dict[str, object] = {
        "licence": LICENCE,
        "neutral": model.neutral_model,
        "triangles": model.triangles.astype(np.uint16),
        "uv": model.uv,
        "mirror_vertex": model.mirror.vertex.astype(np.uint16),
        "mirror_expression": model.mirror.expression.astype(np.uint8),
        "identity_sign": model.mirror.identity_sign.astype(np.int8),
        "expression_names": np.array(model.expression_names),
        "expression_modes": assembled.expression_modes,
        "part_names": np.array(list(model.parts)),
        "part_ranges": np.array(list(model.parts.values())),
        "mesh478_vertex_index": layout.vertex_index.astype(np.uint16),
        "mesh478_weights": layout.weights,
        "mesh478_trust": np.stack([layout.trust, layout.depth_trust]).astype(np.float32),
        "basel_vertex_index": assembled.basel.places.vertex_index.astype(np.uint16),
        "basel_weights": assembled.basel.places.weights.astype(np.float16),
        **_quantised("identity", model.identity_basis[:, half]),
        **_quantised("expression", model.expression_basis[own_shapes]),
    }
    for scheme in model.schemes.values():
        arrays |= {
            f"scheme/{scheme.name}/{name}": getattr(scheme, name)
            for name in ("vertex_index", "weights", "offset_model", "identity_offset", "expression_offset")
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)


def _quantised(name: str, basis: Array) -> dict[str, Array]:
    step = np.abs(basis).max(axis=(1, 2)) / STEPS
    return {
        f"{name}_steps": np.round(basis / step[:, None, None]).astype(np.int16),
        f"{name}_step_mm": step.astype(np.float32),
    }
