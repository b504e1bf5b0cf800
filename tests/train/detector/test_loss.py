import numpy as np
import torch

from lineament.data.labels.detector_targets import make_targets
from lineament.detect import BASES_PX, STRIDES, decode_level
from lineament.train.detector.loss import LossWeights, detector_loss, generalised_iou
from lineament.train.networks.detector import decode_boxes

LABELS = np.zeros((1, 24, 8), np.float32)
LABELS[0, 0] = [100, 90, 180, 190, 0.6, -0.8, 1, 1]
LABELS[0, 1] = [20, 30, 50, 60, 0.0, -1.0, 1, 1]


def perfect_maps(targets, size):
    """What a network that knows the targets would answer."""
    maps, offset = [], 0
    for stride in STRIDES:
        cells = size // stride
        values = targets.values[:, offset : offset + cells * cells]
        offset += cells * cells
        logits = np.where(values[..., :1] > 0.9999, 9.0, -9.0)
        answer = np.concatenate([logits, values[..., 3:9]], axis=-1).astype(np.float32)
        maps.append(torch.from_numpy(answer).transpose(1, 2).reshape(1, 7, cells, cells))
    return tuple(maps)


def test_a_perfect_answer_costs_almost_nothing():
    targets = make_targets(LABELS, size=256)
    parts = detector_loss(perfect_maps(targets, 256), targets, LossWeights())
    assert float(parts["total"]) < 1e-3


def test_a_wrong_direction_costs_only_its_part():
    targets = make_targets(LABELS, size=256)
    maps = perfect_maps(targets, 256)
    for m in maps:
        m[:, 5:] *= -1
    parts = detector_loss(maps, targets, LossWeights())
    assert float(parts["direction"]) > 1
    assert float(parts["overlap"]) < 1e-3


def test_the_overlap_of_equal_boxes_is_one_and_of_far_ones_negative():
    box = torch.tensor([[0.0, 0, 10, 10]])
    torch.testing.assert_close(generalised_iou(box, box), torch.ones(1))
    assert float(generalised_iou(box, box + 100)) < -0.9


def test_the_torch_twin_decodes_boxes_as_numpy_does():
    rng = np.random.default_rng(0)
    maps = rng.normal(0, 1, (7, 4, 5)).astype(np.float32)
    maps[0] = 5.0
    found = decode_level(maps, stride=8, base_px=BASES_PX[0], min_score=0.3)
    grid = np.stack(np.meshgrid((np.arange(5) + 0.5) * 8, (np.arange(4) + 0.5) * 8), axis=-1).reshape(-1, 2)
    twin = decode_boxes(
        torch.from_numpy(maps[1:5].reshape(4, -1).T.copy()),
        torch.from_numpy(grid).float(),
        torch.tensor(BASES_PX[0]),
    )
    np.testing.assert_allclose(found[:, :4], twin.numpy(), rtol=1e-4, atol=1e-3)


def test_a_mosaic_without_faces_asks_for_silence_only():
    targets = make_targets(np.zeros((1, 24, 8), np.float32), size=64)
    maps = tuple(torch.zeros(1, 7, 64 // s, 64 // s, requires_grad=True) for s in STRIDES)
    parts = detector_loss(maps, targets, LossWeights())
    parts["total"].backward()
    assert float(parts["overlap"].detach()) == float(parts["direction"].detach()) == 0
    assert float(maps[0].grad[:, 0].min()) > 0
