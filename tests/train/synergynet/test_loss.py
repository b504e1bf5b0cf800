from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.train.batches.labels import LabelBatch
from lineament.train.networks.synergynet import SynergyConfig
from lineament.train.synergynet.loss import AS_PRINTED as PRINTED_LOSS
from lineament.train.synergynet.loss import AS_RELEASED as RELEASED_LOSS
from lineament.train.synergynet.loss import SynergyLoss, SynergyLossConfig, wing
from lineament.train.synergynet.training import synergy_net


def test_perfect_answers_cost_nothing_but_what_keeps_the_root_smooth(network, batch):
    truth = LabelBatch.of(batch)
    right = network.standardised(network.parameters_of(truth.face))
    landmarks = network.landmarks_of(right)
    output = replace(
        network(batch["crop"].permute(0, 3, 1, 2).float()),
        parameters=right,
        coarse=landmarks,
        refined=landmarks,
        landmarks_to_3dmm=right,
    )
    assert float(SynergyLoss(network, SynergyLossConfig())(output, truth)["loss"]) < 1e-4
    # The released code compares the first values of the landmark-to-3DMM network with the last of the truth.
    assert float(SynergyLoss(network, RELEASED_LOSS)(output, truth)["landmarks_to_3dmm"].detach()) > 1e-3


def test_the_loss_is_in_units_of_a_120_px_crop(network, batch):
    truth = LabelBatch.of(batch)
    right = network.standardised(network.parameters_of(truth.face))
    landmarks = network.landmarks_of(right)
    output = network(batch["crop"].permute(0, 3, 1, 2).float())
    moved = replace(output, parameters=right, coarse=landmarks, refined=landmarks + 32 / 120)
    terms = SynergyLoss(network, SynergyLossConfig(landmarks="smooth-l1"))(moved, truth)
    assert float(terms["refined"]) == pytest.approx(0.05 * 0.5, rel=1e-4)


@pytest.mark.parametrize(
    ("reduction", "expected"),
    # Per point: 1.5 of an error of 2 px, 0.125 of half a pixel; two faces, of which one is right.
    [("sum", 0.03 * (1.5 + 0.125 + 3 * 1.5) / 2), ("mean", 0.03 * (1.5 + 0.125 + 3 * 1.5) / 2 / 204)],
)
def test_the_printed_landmark_loss_sums_over_points_and_the_released_one_averages(lfm, reduction, expected):
    whole = synergy_net(SynergyConfig(width=0.25), lfm)  # crops of 120 px: the paper's unit
    loss = SynergyLoss(whole, replace(PRINTED_LOSS, landmark_reduction=reduction))
    found = torch.zeros(2, 68, 3)
    found[0, 0, 0], found[0, 1, 1] = 2.0, -0.5
    found[0, 67] = 2.0
    cost = PRINTED_LOSS.refined * loss._landmark_loss(found, torch.zeros(2, 68, 3), torch.ones(2, 68, 3))
    assert float(cost) == pytest.approx(expected, rel=1e-6)


def test_the_printed_loss_is_a_sum_of_squares_and_of_smooth_l1(network, batch):
    truth = LabelBatch.of(batch)
    right = network.standardised(network.parameters_of(truth.face)).detach()
    landmarks = network.landmarks_of(right).detach()
    wrong = right.clone()
    wrong[:, 0] += 2  # pose: a square of 4
    wrong[:, 12] += 1  # identity: 1
    output = replace(
        network(batch["crop"].permute(0, 3, 1, 2).float()),
        parameters=wrong,
        coarse=landmarks + 7,  # no term of the paper's
        refined=landmarks + 3 * 32 / 120,  # 3 px of 120 in each of 204 coordinates: 2.5 each
        landmarks_to_3dmm=right,
    )
    terms = SynergyLoss(network, PRINTED_LOSS)(output, truth)
    assert set(terms) == {"loss", "parameters", "refined", "landmarks_to_3dmm", "consistency"}
    assert float(terms["parameters"]) == pytest.approx(0.02 * 5, rel=1e-4)
    assert float(terms["refined"]) == pytest.approx(0.03 * 204 * 2.5, rel=1e-3)
    assert float(terms["landmarks_to_3dmm"]) == pytest.approx(0, abs=1e-6)
    assert float(terms["consistency"]) == pytest.approx(0.001 * 5, rel=1e-4)


def test_wing_is_continuous_and_steepest_at_zero():
    values = wing(torch.tensor([0.0, 0.1, 9.999, 10.001, 20.0]))
    assert values[0] == 0
    assert values[1] == pytest.approx(10 * np.log(1.05), rel=1e-5)
    assert float(values[3] - values[2]) == pytest.approx(0, abs=0.01)
    assert float(values[4] - values[3]) == pytest.approx(10, abs=0.01)


def some_annotated(batch, network, rows):
    """The labels of a batch of which some rows are points alone, of right landmarks 10 to 39."""
    labels = LabelBatch.of(batch)
    landmarks = network.landmarks_of(network.standardised(network.parameters_of(labels.face))).detach()
    known = torch.ones(6, dtype=torch.bool)
    known[rows] = False
    weights = torch.zeros(6, 68)
    weights[rows, 10:40] = 1
    return replace(
        labels,
        identity=labels.identity * known[:, None],
        translation=labels.translation * known[:, None],
        has_coefficients=known,
        point_weights=weights,
        points=landmarks * weights[..., None],
    )


@pytest.mark.parametrize(
    "config", [SynergyLossConfig(), RELEASED_LOSS, PRINTED_LOSS], ids=["default", "released", "printed"]
)
def test_rows_of_points_alone_count_by_their_landmarks(network, batch, config):
    labels = LabelBatch.of(batch)
    right = network.standardised(network.parameters_of(labels.face)).detach()
    landmarks = network.landmarks_of(right).detach()
    output = network(batch["crop"].permute(0, 3, 1, 2).float())
    loss, mixed = SynergyLoss(network, config), some_annotated(batch, network, [1, 4])
    parameters, refined = right.clone().requires_grad_(), (landmarks + 2).requires_grad_()
    answer = replace(output, parameters=parameters, coarse=landmarks, refined=refined, landmarks_to_3dmm=None)
    terms = loss(answer, mixed)
    terms["loss"].backward()
    assert torch.isfinite(parameters.grad).all()
    assert not parameters.grad[[1, 4]].any()
    assert (refined.grad[[1, 4], 10:40, :2] != 0).all()
    assert not refined.grad[[1, 4], :10].any()
    assert not refined.grad[[1, 4], 10:40, 2].any()
    # Thirty points wrong by so much cost what sixty-eight would.
    expected = loss(answer, labels)["refined"].item()
    assert terms["refined"].item() == pytest.approx(expected, rel=1e-4)


def test_a_row_without_any_label_costs_nothing(network, batch):
    labels = some_annotated(batch, network, [0, 1, 2, 3, 4, 5])
    labels = replace(labels, point_weights=torch.zeros(6, 68))
    output = network(batch["crop"].permute(0, 3, 1, 2).float())
    terms = SynergyLoss(network, SynergyLossConfig())(output, labels)
    assert terms["parameters"] == terms["coarse"] == terms["refined"] == 0
