import numpy as np
import pytest

from lineament.data.labels.detector_targets import SIZE_RANGES, make_targets
from lineament.detect import STRIDES, decode_level

SIZE = 320
OFFSETS = np.cumsum([0, *((SIZE // stride) ** 2 for stride in STRIDES)])


def label(box, up=(0.0, -1.0), kind=1.0):
    labels = np.zeros((1, 24, 8), np.float32)
    labels[0, 0] = [*box, *up, 1.0, kind]
    return labels


def level(values, number):
    cells = SIZE // STRIDES[number]
    return values[0, OFFSETS[number] : OFFSETS[number + 1]].reshape(cells, cells, -1)


@pytest.mark.parametrize("side", [15, 30, 40, 60, 115, 200, 600])
def test_decoding_a_target_gives_the_label(side):
    box = np.array([150 - side / 2, 130 - side / 2.5, 150 + side / 2, 130 + side / 2.5])
    targets = make_targets(label(box, up=(0.6, -0.8)), size=SIZE)
    found = []
    for number, stride in enumerate(STRIDES):
        cells = level(targets.values, number)
        logits = np.where(cells[..., 0] > 0.9999, 5.0, -20.0)
        maps = np.concatenate([logits[None], cells[..., 3:9].transpose(2, 0, 1)])
        base = float(targets.bases[OFFSETS[number], 0])
        found.append(decode_level(maps, stride=stride, base_px=base, min_score=0.5))
    found = np.concatenate(found)
    low, high = SIZE_RANGES.T
    assert len(found) == np.sum((low <= side) & (side <= high))
    np.testing.assert_allclose(found[:, :4], np.tile(box, (len(found), 1)), atol=0.02 * side + 1)
    np.testing.assert_allclose(found[:, 5], np.arctan2(-0.6, 0.8), atol=1e-6)


def test_a_face_cut_by_the_border_has_a_cell_inside():
    targets = make_targets(label([-250, 40, 60, 300]), size=SIZE)
    rows, columns = np.nonzero(level(targets.values, 2)[..., 0] > 0.9999)
    assert columns.tolist() == [0]
    assert rows.tolist() == [170 // 32]


def test_ignored_faces_weigh_nothing_and_the_rest_weighs_one():
    targets = make_targets(label([100, 100, 200, 200], kind=-1.0), size=SIZE)
    weights = level(targets.values, 0)[..., 1]
    assert weights[13:25, 13:25].max() == 0
    assert weights[:12].min() == 1
    assert targets.values[..., 0].max() == 0


def test_an_empty_mosaic_asks_for_nothing():
    targets = make_targets(np.zeros((2, 24, 8), np.float32), size=SIZE)
    assert targets.values[..., 0].max() == 0
    assert targets.values[..., 1].min() == 1
    assert targets.values[..., 2].max() == 0


def test_every_size_belongs_to_a_scale():
    sides = np.linspace(1, 2000, 500)[:, None]
    assert np.all(np.any((SIZE_RANGES[:, 0] <= sides) & (sides <= SIZE_RANGES[:, 1]), axis=1))
