from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.data.crops.sampler import SOURCES
from lineament.errors import ConfigError
from lineament.train.batches.labels import LabelBatch
from lineament.train.dff.colour_solver import LightPrior
from lineament.train.dff.contour import CONTOUR
from lineament.train.dff.descriptors import DescriptorChoice
from lineament.train.dff.loss import AS_PRINTED, DffLossConfig, read_at
from lineament.train.dff.photometric import photometric
from lineament.train.dff.skin_mask import skin_weights
from lineament.train.dff.training import loss_of
from lineament.train.networks.dff.descriptor import DescriptorConfig
from tests.train.dff.faces import SIZE, drawn_faces, numbers_of, small_config

RANDOM = DescriptorChoice(
    "random", random=DescriptorConfig(crop_size=32, widths=(4, 4, 8), encoder=1, decoder=1)
)
EVERYTHING = DffLossConfig(render_from=0.0, land_error_from=0.0, skin_mask=False)


def labels_of(points, *, source="detector", weights=None, occlusion=None):
    count = len(points)
    return LabelBatch(
        rotation=torch.eye(3).repeat(count, 1, 1),
        scale=torch.full((count,), torch.nan),
        translation=torch.full((count, 2), torch.nan),
        identity=torch.full((count, 100), torch.nan),
        expression=torch.full((count, 53), torch.nan),
        has_coefficients=torch.ones(count, dtype=torch.bool),
        points=torch.cat([points, torch.zeros(count, 68, 1)], dim=2),
        point_weights=torch.ones(count, 68) if weights is None else weights,
        point_source=torch.full((count,), SOURCES.index(source)),
        is_rendered=torch.zeros(count, dtype=torch.bool),
        is_changed=torch.zeros(count, dtype=torch.bool),
        occlusion=torch.zeros(count, SIZE, SIZE, dtype=torch.bool) if occlusion is None else occlusion,
    )


@pytest.fixture(scope="module")
def drawn(lfm):
    """Two faces that the renderer drew, and what the network would have to say of them."""
    net, face, rgb, mask = drawn_faces(lfm, 2)
    photo = torch.where(mask[:, None], rgb, torch.tensor(0.3))
    return net.train(), replace(face, picture=255 * photo), mask


def losses(drawn, lfm, config=EVERYTHING, **changes):
    network = drawn[0]
    network.steps.fill_(5)
    return loss_of(small_config(loss=config, dff=RANDOM, **changes), network, lfm)


def test_unusual_light_costs_by_how_unusual_it_is(drawn, lfm):
    network, face, _ = drawn
    loss = losses(drawn, lfm, replace(EVERYTHING, light=2.0))
    truth = labels_of(network.landmarks(face, SIZE))
    usual = LightPrior().mean.expand(2, -1, -1)
    brighter = usual.clone()
    brighter[0, 0] += LightPrior().grey[0]  # one standard deviation, in one of two faces
    for light, cost in ((usual, 0.0), (brighter, 2.0 / 2)):
        assert float(loss(replace(face, light=light), truth)["light"]) == pytest.approx(cost, abs=1e-5)


def test_the_truth_costs_nothing_but_its_improbability(drawn, lfm):
    network, face, _ = drawn
    network.point_errors.zero_()
    truth = labels_of(network.landmarks(face, SIZE))
    terms = losses(drawn, lfm)(face, truth)
    assert set(terms) == {"loss", "land", "reg", "land_error", "photo", "dff"}
    assert float(terms["land"]) < 1e-8
    assert float(terms["photo"]) < 0.05  # the root of 1e-8 a pixel, and what is clipped
    assert float(terms["dff"]) < 1e-4
    wanted = sum(
        w * getattr(face, n).square().sum(1).mean()
        for n, w in (("identity", 2e-5), ("texture", 2e-2), ("expression", 4e-4))
    )
    torch.testing.assert_close(terms["reg"], wanted)
    torch.testing.assert_close(terms["loss"], sum(v for n, v in terms.items() if n != "loss"))


def test_a_landmark_costs_its_squared_distance_in_sides_of_the_crop_and_the_jaw_half(drawn, lfm):
    network, face, _ = drawn
    loss = losses(drawn, lfm, replace(AS_PRINTED, photo=0.0, w_dff=0.0, land_error=0.0))
    points = network.landmarks(face, SIZE).detach()
    for landmark, weight in ((30, 1.0), (3, 0.5), (8, 1.0), (16, 0.5)):
        moved = points.clone()
        moved[0, landmark, 0] += 0.1 * SIZE
        found = loss(face, labels_of(moved))["land"]
        torch.testing.assert_close(found, torch.tensor(400 * weight * 0.01 / 2), rtol=1e-4, atol=1e-5)


def test_only_points_of_the_labels_asked_for_count_and_coefficients_never(drawn, lfm):
    network, face, _ = drawn
    far = network.landmarks(face, SIZE).detach() + 9
    config = replace(AS_PRINTED, photo=0.0, w_dff=0.0)
    hand = losses(drawn, lfm, config, labels=("hand",))
    assert float(hand(face, labels_of(far, source="detector"))["land"]) == 0
    assert float(hand(face, labels_of(far, source="fit"))["land"]) == 0
    assert float(hand(face, labels_of(far, source="hand"))["land"]) > 1
    terms = hand(face, labels_of(far, source="hand"))  # the coefficients of these labels are NaN
    assert all(torch.isfinite(value) for value in terms.values())
    some = torch.zeros(2, 68)
    some[:, 36:48] = 1
    lost = torch.where(some[..., None] > 0, far, torch.nan)
    assert torch.isfinite(hand(face, labels_of(lost, source="hand", weights=some))["land"])


def test_points_that_were_wrong_before_count_more(drawn, lfm):
    network, face, _ = drawn
    loss = losses(drawn, lfm, replace(EVERYTHING, photo=0.0, w_dff=0.0))
    network.point_errors.zero_()
    moved = network.landmarks(face, SIZE).detach().clone()
    moved[:, 36] += torch.tensor([0.03 * SIZE, 0.04 * SIZE])
    first = loss(face, labels_of(moved))["land_error"]
    second = loss(face, labels_of(moved))["land_error"]
    assert float(first) == 0  # nothing is remembered yet
    torch.testing.assert_close(second, torch.tensor(2000 * 0.05 * 0.05**2), rtol=1e-4, atol=0)
    network.eval()
    loss(face, labels_of(moved + 5))
    network.train()
    torch.testing.assert_close(loss(face, labels_of(moved))["land_error"], second, rtol=1e-4, atol=0)


def test_the_schedule_is_landmarks_then_pictures_then_errors(drawn, lfm):
    network, face, _ = drawn
    loss = losses(drawn, lfm, replace(EVERYTHING, render_from=0.2, land_error_from=0.5))
    truth = labels_of(network.landmarks(face, SIZE))
    wanted = {1: set(), 2: {"photo", "dff"}, 5: {"photo", "dff", "land_error"}}
    for step, terms in wanted.items():
        network.steps.fill_(step)
        assert set(loss(face, truth)) == {"loss", "land", "reg"} | terms


def test_what_hides_the_face_says_nothing_of_its_colours(drawn, lfm):
    network, face, mask = drawn
    covered = torch.zeros(2, SIZE, SIZE, dtype=torch.bool)
    covered[:, SIZE // 2 :] = True
    hidden = replace(face, picture=torch.where(covered[:, None], 255.0, face.picture))
    truth = labels_of(network.landmarks(face, SIZE), occlusion=covered)
    loss = losses(drawn, lfm, replace(EVERYTHING, w_dff=0.0))
    assert float(loss(hidden, truth)["photo"]) < 0.05
    blind = losses(drawn, lfm, replace(EVERYTHING, w_dff=0.0, occlusion_mask=False))
    assert float(blind(hidden, truth)["photo"]) > 5
    assert (mask & covered).any()


def test_colours_that_are_not_the_face_s_are_left_out():
    rng = torch.Generator().manual_seed(0)
    photo = torch.tensor([0.75, 0.55, 0.45])[:, None, None] + 0.03 * torch.randn(1, 3, 40, 40, generator=rng)
    photo[:, :, 2:8] = torch.tensor([0.1, 0.08, 0.07])[:, None, None]  # hair
    photo[:, :, 30:36] = torch.tensor([0.2, 0.3, 0.8])[:, None, None]  # cloth
    weights = skin_weights(photo, torch.ones(1, 40, 40))
    assert weights[:, 10:28].mean() > 0.9
    assert weights[:, 2:8].mean() < 0.1
    assert weights[:, 30:36].mean() < 0.1


def test_the_mean_over_pixels_has_no_gradient_through_their_number():
    photo, drawn = torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
    weight = torch.zeros(1, 4, 4)
    weight[:, :2] = 1
    found = photometric(photo, drawn, weight)
    found.backward()
    torch.testing.assert_close(found.detach(), torch.tensor(0.5 * 3**0.5), rtol=1e-4, atol=0)
    assert (drawn.grad[:, :, 2:] == 0).all()
    assert (drawn.grad[:, :, :2] > 0).all()


def test_maps_are_read_between_the_centres_of_pixels():
    maps = torch.arange(16.0).view(1, 1, 4, 4)
    points = torch.tensor([[[0.5, 0.5], [1.0, 0.5], [3.5, 2.5]]])
    torch.testing.assert_close(read_at(maps, points)[0, :, 0], torch.tensor([0.0, 0.5, 11.0]))
    torch.testing.assert_close(read_at(maps, 2 * points, size=8), read_at(maps, points))


def test_gradients_reach_every_number_but_not_the_descriptor(lfm, drawn):
    network, face, _ = drawn
    loss = losses(drawn, lfm)
    numbers = numbers_of(network.config, 2, seed=9).requires_grad_()
    found = network.parts(numbers, face.picture)
    loss(found, labels_of(network.landmarks(face, SIZE).detach()))["loss"].backward()
    assert torch.isfinite(numbers.grad).all()
    assert (numbers.grad.abs() > 0).float().mean() > 0.99
    assert all(p.grad is None for p in loss.descriptor.parameters())


def test_the_descriptor_term_pulls_the_drawn_face_alone(lfm, drawn):
    network, face, _ = drawn
    only = replace(EVERYTHING, land=0.0, land_error=0.0, photo=0.0, identity=0.0, texture=0.0, expression=0.0)
    loss = losses(drawn, lfm, replace(only, w_dff=1.0))
    numbers = numbers_of(network.config, 2, seed=9).requires_grad_()
    terms = loss(network.parts(numbers, face.picture), labels_of(network.landmarks(face, SIZE).detach()))
    terms["loss"].backward()
    assert float(terms["dff"].detach()) > 1e-6
    assert numbers.grad.abs().max() > 0


def test_the_silhouette_of_a_turned_head_is_outside_of_its_jaw(lfm):
    from lineament.train.dff.contour import ContourPoints
    from lineament.train.networks.dff.network import rotation_from_angles

    net, face, _, _ = drawn_faces(lfm, 1)
    zero = {n: torch.zeros_like(getattr(face, n)) for n in ("identity", "texture", "expression")}
    turned = replace(face, **zero, rotation=rotation_from_angles(torch.tensor([[0.0, 0.8, 0.0]])))
    fixed = net.landmarks(turned, SIZE)
    moved = ContourPoints(lfm, net.config)(fixed, turned, SIZE)
    inner = [n for n in range(68) if n not in CONTOUR]
    torch.testing.assert_close(moved[:, inner], fixed[:, inner])
    # The nose points to the viewer's right: there the cheek hides the jaw.
    assert (moved[0, 11:15, 0] > fixed[0, 11:15, 0] + 0.5).all()
    assert torch.isfinite(moved).all()


def test_a_descriptor_that_is_asked_for_has_to_be_there(lfm, drawn, tmp_path):
    with pytest.raises(ConfigError, match=r"name it as dff\.run"):
        DescriptorChoice().open()
    (tmp_path / "run.json").write_text('{"method": "sadrnet"}')
    with pytest.raises(ConfigError, match="needs one of 'dff-descriptor'"):
        DescriptorChoice("trained", str(tmp_path)).open()
    assert losses(drawn, lfm, replace(EVERYTHING, w_dff=0.0)).descriptor is None


def test_random_descriptors_are_the_same_each_time_and_leave_the_generator_alone():
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    crop = torch.rand(1, 3, 48, 48) * 0 + 100 + torch.arange(48.0)
    torch.manual_seed(3)
    one, other = RANDOM.open(), RANDOM.open()
    torch.testing.assert_close(torch.rand(1), wanted)
    torch.testing.assert_close(one(crop), other(crop))
    torch.testing.assert_close(one(crop).norm(dim=1), torch.ones(1, 32, 32), atol=1e-3, rtol=0)
    assert np.isfinite(one(crop).numpy()).all()
