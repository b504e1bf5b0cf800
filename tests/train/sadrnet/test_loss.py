from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.train.batches.labels import LabelBatch
from lineament.train.networks.sadrnet import SadrOutput
from lineament.train.sadrnet.chart import SadrChart
from lineament.train.sadrnet.loss import SadrLoss, SadrLossConfig
from lineament.train.sadrnet.training import TrainedSadrNet
from tests.train.sadrnet.conftest import SIZE, SMALL

ONES = SadrLossConfig(
    aligned=1.0, offset=1.0, position=1.0, attention=1.0, edge=1.0, normal=1.0, aligned_from=-1.0
)


@pytest.fixture(scope="module")
def network(lfm):
    torch.manual_seed(0)
    return TrainedSadrNet(SMALL, SadrChart.of(lfm, size=SMALL.maps, neck=0.0))


@pytest.fixture(scope="module")
def truth(coded_batch):
    return LabelBatch.of(coded_batch)


@pytest.fixture(scope="module")
def right(network, truth):
    """What a perfect network would say."""
    targets = truth.targets
    logits = torch.logit(targets["attention"].clamp(1e-6, 1 - 1e-6))
    return SadrOutput(targets["face_map"], targets["offset_map"] + network.mean_map, logits, None)


def terms_of(network, found, truth, config=ONES):
    return SadrLoss(config, network, network.chart, steps=100)(found, truth)


def test_perfect_answers_cost_nothing_but_what_is_left_of_the_entropy(network, right, truth):
    terms = terms_of(network, right, truth)
    target = truth.targets["attention"].clamp(1e-6, 1 - 1e-6)
    entropy = -(target * target.log() + (1 - target) * (1 - target).log()).mean()
    assert float(terms["attention"]) == pytest.approx(float(entropy), abs=1e-4)
    for name in ("position", "offset", "aligned", "edge"):
        assert float(terms[name]) < 2e-3, name
    assert float(terms["normal"]) < 0.01  # edges of a surface lie in it


def test_a_map_moved_by_one_costs_the_mean_weight_of_the_face(network, right, truth):
    moved = replace(right, face_map=right.face_map + torch.tensor([0, 1.0, 0])[:, None, None])
    weights = network.chart.weights
    wanted = weights[weights > 0].mean()
    assert float(terms_of(network, moved, truth)["position"]) == pytest.approx(wanted, rel=1e-3)
    assert 3 < wanted < 9


def test_what_lies_off_the_face_costs_nothing(network, right, truth):
    off = torch.as_tensor(network.chart.weights == 0)
    wild = replace(right, face_map=right.face_map + 100 * off, shape_map=right.shape_map + 100 * off)
    for name, value in terms_of(network, right, truth).items():
        torch.testing.assert_close(terms_of(network, wild, truth)[name], value)


def test_a_shape_that_is_moved_costs_no_edges_and_one_that_is_larger_does(network, right, truth):
    moved = terms_of(network, replace(right, shape_map=right.shape_map + 0.5), truth)
    larger = terms_of(network, replace(right, shape_map=1.5 * right.shape_map), truth)
    assert float(moved["edge"]) < 1e-4
    assert float(larger["edge"]) > 1e-3
    # The alignment takes both out.
    assert float(moved["aligned"]) < 1e-2
    assert float(larger["aligned"]) < 1e-2


def test_a_rough_surface_costs_normals(network, right, truth):
    noise = 0.02 * torch.randn(right.shape_map.shape, generator=torch.Generator().manual_seed(0))
    rough = terms_of(network, replace(right, shape_map=right.shape_map + noise), truth)
    assert float(rough["normal"]) > 5 * float(terms_of(network, right, truth)["normal"])


def test_the_aligned_face_plays_a_part_only_late_in_a_run(network, right, truth):
    config = SadrLossConfig(aligned_from=0.5)
    network.steps.fill_(50)
    assert "aligned" not in terms_of(network, right, truth, config)
    network.steps.fill_(51)
    assert "aligned" in terms_of(network, right, truth, config)
    network.steps.zero_()


def test_rows_without_coefficients_count_for_nothing(network, right, truth):
    known = truth.has_coefficients.clone()
    known[3:] = False
    partial = replace(truth, has_coefficients=known)
    wild = replace(
        right, face_map=torch.where(known[:, None, None, None], right.face_map, right.face_map + 5)
    )
    torch.testing.assert_close(
        terms_of(network, wild, partial)["loss"], terms_of(network, right, partial)["loss"]
    )


def test_gradients_are_finite_even_where_all_points_fall_on_one(network, right, truth):
    flat = torch.zeros_like(right.face_map).requires_grad_()
    shape = torch.zeros_like(right.shape_map).requires_grad_()
    terms = terms_of(network, replace(right, face_map=flat, shape_map=shape), truth)
    terms["loss"].backward()
    assert torch.isfinite(flat.grad).all()
    assert torch.isfinite(shape.grad).all()


def test_mirrored_maps_cost_what_their_originals_cost(network, right, truth):
    generator = torch.Generator().manual_seed(1)
    noise = [0.05 * torch.randn(values.shape, generator=generator) for values in (right.face_map,) * 2]
    found = replace(right, face_map=right.face_map + noise[0], shape_map=right.shape_map + noise[1])
    axes = torch.tensor([-1.0, 1, 1])[:, None, None]

    def mirrored(maps):
        return maps.flip(3) * axes

    other = SadrOutput(mirrored(found.face_map), mirrored(found.shape_map), found.attention.flip(2), None)
    targets = {
        "face_map": mirrored(truth.targets["face_map"]),
        "offset_map": mirrored(truth.targets["offset_map"]),
        "attention": truth.targets["attention"].flip(2),
    }
    terms, twins = (
        terms_of(network, *pair) for pair in ((found, truth), (other, replace(truth, targets=targets)))
    )
    for name in ("position", "offset", "edge", "attention"):
        np.testing.assert_allclose(float(twins[name]), float(terms[name]), rtol=0.02, err_msg=name)


def test_maps_have_one_size(network):
    assert network.chart.size == SIZE
