"""What the tests of released checkpoints with maps share: a face model with a chart, and the command."""

from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from typer.testing import CliRunner

from lineament.bundle import Bundle
from lineament.cli.main import app
from lineament.geometry.face_mesh import LandmarkScheme
from lineament.geometry.morphable import MorphableModel
from lineament.train.methods import METHODS
from lineament.train.runs import released_checkpoint

SIDE = 16
KNOWN = np.ones((64, 64), bool)
KNOWN[-10:] = False
MEAN = "module.rebuilder.mean_posmap_tensor"
OTHER_MEANS = (
    (
        lambda state: state.update({MEAN: torch.randn(3, 64, 64)}),
        "trained on another face model or chart",
    ),
    (
        lambda state: state.update({MEAN: torch.randn(3, 32, 32)}),
        r"is \(3, 32, 32\), not \(3, 64, 64\)",
    ),
)
"""What makes of a checkpoint's weights one with another mean face, and what is said of it."""


def bowl_model():
    """A bowl of 16 x 16 vertices whose chart is its plan."""
    rng = np.random.default_rng(0)
    row, column = np.mgrid[:SIDE, :SIDE].reshape(2, -1)
    x, y = (column - 7.5) * 10, (7.5 - row) * 10
    vertices = np.stack([x, y, 60 - (x**2 + y**2) / 120], axis=1)
    corner = (row * SIDE + column).reshape(SIDE, SIDE)[:-1, :-1].ravel()
    triangles = np.concatenate(
        [
            np.stack([corner, corner + SIDE, corner + 1], axis=1),
            np.stack([corner + 1, corner + SIDE, corner + SIDE + 1], axis=1),
        ]
    )
    return MorphableModel(
        name="bowl",
        neutral_model=vertices.astype(np.float32),
        identity_basis=rng.normal(0, 1, (4, len(vertices), 3)).astype(np.float32),
        expression_basis=rng.normal(0, 1, (2, len(vertices), 3)).astype(np.float32),
        expression_names=("a", "b"),
        triangles=triangles.astype(np.int32),
        uv=np.stack([column + 0.6, row + 0.6], axis=1) / (SIDE + 0.2),
        schemes={"300w-lp": LandmarkScheme.of_vertices("300w-lp", rng.choice(len(vertices), 68, False))},
        parts={"face": (0, len(triangles))},
    )


def normalisation(name, count):
    """Names and shapes of a layer's tensors."""
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (count,) for part in parts} | {f"{name}.num_batches_tracked": ()}


def imported(released, state, model, folder, monkeypatch, *, changes=()):
    """The weights that `lineament import` writes of a checkpoint, as the released one is described."""
    method = released.exporter.method
    row = METHODS[method]
    conversion = replace(row.conversion, convert=released.convert)
    monkeypatch.setitem(METHODS, method, replace(row, conversion=conversion))
    monkeypatch.setattr(released_checkpoint, "read_bfm2009", lambda folder: model)
    torch.save(state, folder / "theirs.pth")
    Image.fromarray(KNOWN.astype(np.uint8) * 255).save(folder / "uv_face_mask.png")
    out = folder / "theirs.lineament"
    words = ["import", f"{method}-checkpoint", folder / "theirs.pth", "--bfm", folder, "--out", out]
    words += [word for change in changes for word in ("--set", change)]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return Bundle.open(out)
