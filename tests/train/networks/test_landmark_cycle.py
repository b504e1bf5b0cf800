import torch
from torch.nn import functional

from lineament.train.networks.landmark_cycle import LandmarksTo3dmm, MultiAttributeFeatureAggregation


def test_the_mixing_convolution_is_that_of_features_repeated_at_every_point():
    torch.manual_seed(0)
    mafa = MultiAttributeFeatureAggregation([20, 5], released=False).double()
    torch.nn.init.normal_(mafa.last[0].weight)
    points = torch.randn(6, 3, 68, dtype=torch.float64)
    attributes = [torch.randn(6, width, dtype=torch.float64, requires_grad=True) for width in (20, 5)]

    def as_printed():
        local, whole = mafa.points(points)
        shared = torch.cat([whole, *attributes], dim=1)[:, :, None].expand(-1, -1, 68)
        mixed = mafa.mix(torch.cat([local, shared], dim=1))  # (64 + 1024 + 25) x 68, as the paper draws it
        return mafa.last(mafa.rest(functional.relu(mafa.mix_norm(mixed))))

    results = []
    for answer in (as_printed, lambda: mafa(points, attributes)):
        mafa.zero_grad()
        attributes[0].grad = None
        found = answer()
        found.square().sum().backward()
        grads = {name: tensor.grad.clone() for name, tensor in mafa.named_parameters()}
        results.append((found.detach(), grads, attributes[0].grad.clone()))
    (one, one_grads, one_input), (other, other_grads, other_input) = results
    assert one.abs().max() > 0.1
    torch.testing.assert_close(other, one)
    torch.testing.assert_close(other_input, one_input)
    torch.testing.assert_close(other_grads, one_grads)
    assert mafa.mix.weight.shape == (512, 64 + 1024 + 25, 1)  # one tensor, as checkpoints have it


def test_the_way_back_does_not_ask_for_an_order_of_points():
    torch.manual_seed(0)
    network = LandmarksTo3dmm([12, 4, 3], [], released=False).eval()
    points = torch.randn(2, 3, 68)
    order = torch.randperm(68)
    torch.testing.assert_close(network(points[..., order], []), network(points, []))
