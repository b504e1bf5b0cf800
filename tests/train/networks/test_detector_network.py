import pytest
import torch

from lineament.train.networks.detector import CHANNELS, FaceDetectorNetwork, decode_boxes


@pytest.mark.parametrize("size_hw", [(64, 64), (96, 160)])
def test_there_is_one_answer_a_cell_at_three_strides(size_hw):
    network = FaceDetectorNetwork().eval()
    with torch.inference_mode():
        maps = network(torch.rand(2, 3, *size_hw))
    expected = [(2, CHANNELS, size_hw[0] // stride, size_hw[1] // stride) for stride in (8, 16, 32)]
    assert [tuple(m.shape) for m in maps] == expected


def test_a_new_network_finds_next_to_nothing():
    torch.manual_seed(0)
    with torch.inference_mode():
        maps = FaceDetectorNetwork().eval()(torch.rand(1, 3, 64, 64))
    assert max(float(torch.sigmoid(m[:, 0]).max()) for m in maps) < 0.2


def test_the_network_is_small():
    assert sum(p.numel() for p in FaceDetectorNetwork().parameters()) < 900_000


def test_boxes_lie_around_their_cell():
    boxes = decode_boxes(torch.zeros(3, 4), torch.tensor([[10.0, 20.0]] * 3), torch.full((3, 1), 5.0))
    torch.testing.assert_close(boxes, torch.tensor([[5.0, 15.0, 15.0, 25.0]] * 3))
