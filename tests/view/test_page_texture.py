"""The texture that the page puts into GLB files, run by Node against Python."""

import base64
from pathlib import Path

import numpy as np
import pytest

import lineament as la
from lineament.export import FaceTexturer
from view.aligned import aligned_of

PHOTOS = Path(__file__).parents[2] / "demo" / "photos"
SIZE = 256


def maps(answer, name, dtype, channels):
    values = np.frombuffer(base64.b64decode(answer[name]), dtype)
    return values.reshape(SIZE, SIZE, channels).squeeze()


@pytest.mark.parametrize("name", ["hopper.jpg", "astronaut.jpg"])
def test_textures_are_pythons(node, raw, name):
    photo = la.read_image(PHOTOS / name)
    (face,) = la.FaceAligner.from_pretrained("default", threads=1)(photo)
    texturer = FaceTexturer(face.mesh, size=SIZE)
    expected = texturer(photo, face)
    answer = node("texture", photo=raw(photo), aligned=aligned_of(face), size=SIZE)
    # Rounding may move a vertex over the edge of what is seen.
    trust = np.abs(maps(answer, "trust", np.float32, 1) - expected.visibility)
    assert trust.mean() < 2e-3
    assert (trust > 0.05).mean() < 5e-3
    seen = np.abs(maps(answer, "seen", np.float32, 3) - expected.seen_rgb)
    assert (seen > 2).mean() < 1e-3
    colors = np.abs(maps(answer, "colours", np.uint8, 3).astype(int) - expected.colors_rgb)
    assert colors.mean() < 0.1  # of 255; 0.0006 on these
    assert (colors > 4).mean() < 1e-3
