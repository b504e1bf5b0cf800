import numpy as np
import torch

from lineament.detect import BASES_PX, STRIDES, decode_level, keep_best
from lineament.train.detector.calibration import calibrate
from lineament.train.networks.detector import FaceDetectorNetwork


def noise_batches(count: int):
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield rng.integers(0, 256, (4, 64, 64, 3), dtype=np.uint8), np.zeros((4, 24, 8), np.float32)


def false_faces(network, batches):
    """Detections above 0.5 at each scale; nothing in noise is a face."""
    counts = np.zeros(3, int)
    for pictures, _ in batches:
        with torch.inference_mode():
            maps = network(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255)
        for row in range(len(pictures)):
            found = [
                decode_level(m[row].numpy(), stride=s, base_px=b, min_score=0.1)
                for m, s, b in zip(maps, STRIDES, BASES_PX)
            ]
            rows, scale = np.concatenate(found), np.repeat(np.arange(3), [len(f) for f in found])
            kept = keep_best(rows[:, :4], rows[:, 4], max_overlap=0.4)
            counts += np.bincount(scale[kept][rows[kept, 4] > 0.5], minlength=3)
    return counts


def test_after_calibration_every_scale_has_few_false_faces():
    torch.manual_seed(0)
    network = FaceDetectorNetwork().eval()
    for head in network.heads:
        head[1].bias.data[0] = 3.0  # sees faces everywhere
    assert false_faces(network, noise_batches(3)).sum() > 12
    shifts = calibrate(network, noise_batches(3), false_rate=1 / 6)
    assert len(shifts) == 3
    assert max(shifts) < 0
    assert false_faces(network, noise_batches(3)).sum() <= 12


def test_a_scale_that_never_errs_may_report_more():
    torch.manual_seed(0)
    network = FaceDetectorNetwork().eval()
    for head in network.heads:
        head[1].bias.data[0] = -12.0
    shifts = calibrate(network, noise_batches(1))
    np.testing.assert_allclose(shifts, np.log(9), rtol=1e-6)  # the lowest score looked at, 0.1, becomes 0.5
