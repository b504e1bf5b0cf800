"""Faces that fill photos of many megapixels: layers of bounded size, blended strip by strip."""

import numpy as np
import pytest
from PIL import Image

from faces import egg_face
from lineament.draw import LAYERS, correspondence, draw_overlay, marks, overlay_in_place, patch, surface
from lineament.draw.patch import Patch

SIDE = 900
OF_EVERY_FACE = [layer for layer in LAYERS if layer != "rendered"]  # which only faces with colours have
FACE = egg_face(center_xy=(SIDE / 2, SIDE / 2), scale=SIDE / 220)


@pytest.mark.parametrize("layer", OF_EVERY_FACE)
def test_strips_are_the_whole(layer, monkeypatch):
    photo = np.full((SIDE, SIDE, 3), 90, np.uint8)
    whole = draw_overlay(photo, [FACE], layers=[layer])
    monkeypatch.setattr(patch, "STRIP_PX", 37 * SIDE)
    strips = draw_overlay(photo, [FACE], layers=[layer])
    assert (whole != photo).any()
    assert np.abs(strips.astype(int) - whole).max() <= 1


@pytest.mark.parametrize("layer", OF_EVERY_FACE)
def test_a_layer_is_no_larger_than_its_bound_and_shows_the_same(layer, monkeypatch):
    photo = np.full((SIDE, SIDE, 3), 90, np.uint8)
    whole = draw_overlay(photo, [FACE], layers=[layer])
    sizes = []
    strips = Patch.strips

    def seen(self, picture):
        sizes.append(max(picture.size))
        return strips(self, picture)

    monkeypatch.setattr(Patch, "strips", seen)
    for module, name in ((marks, "MAX_LAYER_PX"), (surface, "MAX_LAYER_PX"), (surface, "MAX_EDGES_PX")):
        monkeypatch.setattr(module, name, 300)
    monkeypatch.setattr(correspondence, "LAYER_PX", 300)
    monkeypatch.setattr(marks, "FINE_PX", 0)
    monkeypatch.setattr(surface, "FINE_PX", 0)
    picture = Image.fromarray(photo)
    overlay_in_place(picture, [FACE], layers=[layer])
    assert max(sizes) <= 301
    assert np.abs(np.asarray(picture).astype(int) - whole).mean() < 6
    changed, expected = (np.any(shown != photo, axis=2) for shown in (np.asarray(picture), whole))
    assert (changed & expected).sum() > 0.6 * expected.sum()
