from dataclasses import fields, replace

import numpy as np
import pytest

from lineament.data.crops import sampler as sampler_module
from lineament.data.crops.augment import AugmentConfig, Disturbed
from lineament.data.crops.face_swap import FaceSwap
from lineament.data.crops.sampler import SOURCES, CropSampler
from lineament.data.fitting.closeups import close_up_table
from lineament.data.samples.sample import Sample
from lineament.data.samples.view import View
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles
from samples import annotated_sample, make_sample, provenance


class NoiseSamples:
    """Seven samples of noise."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self._samples = [self._random_sample(rng) for _ in range(7)]

    def _random_sample(self, rng):
        camera = WeakPerspective(
            matrix_from_angles(*rng.uniform(-0.5, 0.5, 3)),
            rng.uniform(0.4, 0.6),
            np.append(rng.uniform(75, 85, 2), 0.0),
        )
        labels = rng.normal(size=4).astype(np.float32), rng.uniform(size=3).astype(np.float32)
        view = View(rng.integers(0, 256, (160, 160, 3), np.uint8), camera, *labels)
        return Sample.of_view(view, None, provenance())

    def __len__(self):
        return len(self._samples)

    def sample(self, number, *, with_mask=True):
        return self._samples[number]

    def has_coefficients(self):
        return np.ones(len(self), bool)


@pytest.fixture(scope="module")
def sampler(tiny_model):
    return CropSampler(NoiseSamples(), tiny_model, AugmentConfig())


def test_a_batch_is_a_function_of_the_seed(sampler):
    one, two, other = (sampler.batch(4, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.crop, two.crop)
    np.testing.assert_array_equal(one.translation, two.translation)
    assert (one.crop != other.crop).any()


def test_a_batch_has_the_shapes_and_types_the_network_wants(sampler):
    batch = sampler.batch(3, np.random.default_rng(0))
    assert (batch.crop.shape, batch.crop.dtype) == ((3, 112, 112, 3), np.uint8)
    shapes = {
        "rotation": (3, 3, 3),
        "scale": (3,),
        "translation": (3, 2),
        "identity": (3, 4),
        "expression": (3, 3),
    }
    for name, shape in shapes.items():
        labels = getattr(batch, name)
        assert (labels.shape, labels.dtype) == (shape, np.float32), name


def test_plain_batches_are_the_samples_asked_for_with_landmarks_in_the_middle(sampler, tiny_model):
    batch = sampler.plain_batch(np.array([3, 0]))
    for row, number in enumerate((3, 0)):
        view = sampler.store.sample(number).view
        np.testing.assert_array_equal(batch.identity[row], view.identity)
        points = tiny_model.landmarks_model(view.identity, view.expression, scheme="300w-lp")
        rotated = points @ batch.rotation[row].T
        xy = batch.scale[row] * rotated[:, :2] * [1, -1] + batch.translation[row]
        low, high = xy.min(axis=0), xy.max(axis=0)
        np.testing.assert_allclose((low + high) / 2, [56, 56], atol=1e-3)
        assert (high - low).max() == pytest.approx(112 / np.sqrt(2), rel=1e-4)


def test_plain_batches_do_not_change_from_call_to_call(sampler):
    one, two = sampler.plain_batch(np.arange(3)), sampler.plain_batch(np.arange(3))
    np.testing.assert_array_equal(one.crop, two.crop)


def test_half_of_the_samples_are_mirrored(sampler, tiny_model):
    batch = sampler.batch(60, np.random.default_rng(0))
    known = [sampler.store.sample(number).identity for number in range(len(sampler.store))]
    straight = [any(np.array_equal(row, one) for one in known) for row in batch.identity]
    mirrored = [
        any(np.array_equal(row * tiny_model.mirror.identity_sign, one) for one in known)
        for row in batch.identity
    ]
    assert all(a != b for a, b in zip(straight, mirrored, strict=True))
    assert 0.3 < np.mean(mirrored) < 0.7


def test_a_black_frame_is_around_plain_and_disturbed_crops_and_moves_no_label(sampler, tiny_model):
    framed = CropSampler(NoiseSamples(), tiny_model, AugmentConfig(black_frame=6))
    plain, expected = framed.plain_batch(np.arange(3)), sampler.plain_batch(np.arange(3))
    np.testing.assert_array_equal(plain.crop[:, 6:-6, 6:-6], expected.crop[:, 6:-6, 6:-6])
    np.testing.assert_array_equal(plain.translation, expected.translation)
    for crops in (plain.crop, framed.batch(4, np.random.default_rng(0)).crop):
        inside = np.zeros((112, 112), bool)
        inside[6:-6, 6:-6] = True
        assert not crops[:, ~inside].any()
        assert crops[:, inside].any()


class Occluded:
    """Three pictures of the built-in face, white where something hides it and black elsewhere."""

    def __init__(self):
        self._samples = []
        for number, yaw in enumerate((0.0, 0.7, -0.9)):
            sample = make_sample(yaw=yaw, seed=number, number=number)
            mask = sample.occlusion.copy()
            mask[90:, :40] = mask[:8] = True  # reaches the border, where pictures continue mirrored
            image = np.where(mask[..., None], 255, 0).astype(np.uint8).repeat(3, axis=2)
            labels = replace(sample.labels, occlusion=mask)
            self._samples.append(replace(sample, image=image, labels=labels))

    def __len__(self):
        return 3

    def sample(self, number, *, with_mask=True):
        sample = self._samples[number]
        return sample if with_mask else replace(sample, labels=replace(sample.labels, occlusion=None))

    def has_coefficients(self):
        return np.ones(3, bool)


def test_masks_are_the_pictures_own_to_the_pixel_however_they_are_cut_and_mirrored(lfm, monkeypatch):
    monkeypatch.setattr(sampler_module, "disturb", lambda image, *_: Disturbed(image, None))
    sampler = CropSampler(Occluded(), lfm, AugmentConfig(crop_size=96), occlusion=True)
    batch = sampler.batch(40, np.random.default_rng(0))
    np.testing.assert_array_equal(batch.occlusion, batch.crop[..., 0] > 127)
    assert (batch.occlusion.mean(axis=(1, 2)) > 0.02).all()
    assert np.ptp(batch.rotation[:, 0, 2]) > 1  # both sides of faces are among them


def test_what_is_put_in_front_or_blacked_out_joins_the_mask(lfm, monkeypatch):
    covered = np.zeros((96, 96), bool)
    covered[5:20, 30:50] = True
    monkeypatch.setattr(sampler_module, "disturb", lambda image, *_: Disturbed(image, covered))
    sampler = CropSampler(Occluded(), lfm, AugmentConfig(crop_size=96, black_frame=3), occlusion=True)
    batch = sampler.batch(8, np.random.default_rng(0))
    np.testing.assert_array_equal(batch.occlusion, (batch.crop[..., 0] > 127) | covered)
    plain = sampler.plain_batch(np.arange(3)).occlusion
    assert plain[:, :3].all()
    assert plain[:, :, -3:].all()
    assert not plain[:, 3:-3, 3:-3].all()


def test_masks_cost_nothing_where_nobody_asks_for_them(lfm):
    class Unmasked(Occluded):
        def sample(self, number, *, with_mask=True):
            assert not with_mask
            return super().sample(number, with_mask=False)

    config = AugmentConfig(crop_size=64)
    batch = CropSampler(Unmasked(), lfm, config).batch(6, np.random.default_rng(1))
    assert batch.occlusion is None
    asked = CropSampler(Occluded(), lfm, config, occlusion=True).batch(6, np.random.default_rng(1))
    np.testing.assert_array_equal(batch.crop, asked.crop)


class Annotated:
    """Fitted faces and faces with points alone, in turn."""

    def __init__(self):
        self._samples = [
            *(make_sample(yaw=0.3, occluded=False), annotated_sample(seed=1)),
            *(make_sample(yaw=-0.3, occluded=False), annotated_sample(seed=2, scheme="cfp-30")),
        ]

    def __len__(self):
        return 4

    def sample(self, number, *, with_mask=True):
        return self._samples[number]

    def has_coefficients(self):
        return np.array([True, False, True, False])


def test_a_batch_may_mix_fitted_faces_and_points_alone(lfm):
    batch = CropSampler(Annotated(), lfm, AugmentConfig(crop_size=64)).plain_batch(np.arange(4))
    assert batch.has_coefficients.tolist() == [True, False, True, False]
    assert [SOURCES[code] for code in batch.point_source] == ["", "hand", "", "hand"]
    assert batch.point_weights.sum(axis=1).tolist() == [0, 68, 0, 30]
    assert all(np.isfinite(getattr(batch, field.name)).all() for field in fields(batch)[:10])
    assert not batch.identity[[1, 3]].any()
    # The crop is as tight around the points as around the landmarks of a fitted face.
    low, high = (f(batch.points[1, :, :2], axis=0) for f in (np.min, np.max))
    np.testing.assert_allclose((low + high) / 2, [32, 32], atol=1e-3)
    assert (high - low).max() == pytest.approx(64 / np.sqrt(2), rel=1e-4)
    part = batch.points[3][batch.point_weights[3] > 0][:, :2]
    assert (part > 4).all()
    assert (part < 60).all()


def test_a_batch_of_points_alone_has_rows_as_long_as_the_models(lfm):
    batch = CropSampler(Annotated(), lfm, AugmentConfig(crop_size=64)).plain_batch(np.array([1, 3]))
    assert (batch.identity.shape, batch.expression.shape) == ((2, 100), (2, 53))


class Marks:
    """Says where the middle of each crop's labels lies, and what they are hidden by."""

    def make(self, labels, crop_size):
        hidden = 0 if labels.occlusion is None else labels.occlusion.sum()
        return {"marks": np.array([crop_size, labels.has_coefficients, hidden], np.int64)}


def test_targets_are_made_of_what_became_of_the_labels_and_lie_in_the_batch_under_their_names(lfm):
    sampler = CropSampler(Occluded(), lfm, AugmentConfig(crop_size=64), occlusion=True, targets=Marks())
    batch = sampler.batch(5, np.random.default_rng(2))
    expected = np.stack([np.full(5, 64), np.ones(5, int), batch.occlusion.sum(axis=(1, 2))], axis=1)
    np.testing.assert_array_equal(batch.targets["marks"], expected)
    alone = CropSampler(Annotated(), lfm, AugmentConfig(crop_size=64), targets=Marks())
    assert alone.plain_batch(np.array([1])).targets["marks"][0, 1] == 0


def test_swapped_skin_stays_behind_what_hides_the_face_and_comes_from_no_hidden_one(lfm):
    calm = np.zeros(53, np.float32)
    one, donor = (
        replace(sample, labels=replace(sample.labels, identity=np.zeros(100, np.float32), expression=calm))
        for sample in (make_sample(occluded=True), make_sample(seed=3, occluded=False))
    )
    stripes = (np.arange(128) // 4 % 2 * 200).astype(np.uint8)
    donor = replace(donor, image=np.broadcast_to(stripes[:, None, None], (128, 128, 3)))
    swapped = CropSampler._swapped(FaceSwap(lfm), one, donor)
    changed = (swapped.image != one.image).any(axis=-1)
    assert changed.any()
    assert not changed[one.occlusion].any()
    bare = replace(one, labels=replace(one.labels, occlusion=None))
    assert (
        (CropSampler._swapped(FaceSwap(lfm), bare, donor).image != one.image)
        .any(axis=-1)[one.occlusion]
        .any()
    )
    assert CropSampler._swapped(FaceSwap(lfm), bare, one) is bare
    assert CropSampler._swapped(FaceSwap(lfm), annotated_sample(), donor).labels.points is not None


def test_close_ups_show_the_part_that_is_asked_for(lfm):
    for part in ("eye", "mouth"):
        config = AugmentConfig(crop_size=64, close_up=part)
        sampler = CropSampler(Occluded(), lfm, config)
        batch = sampler.plain_batch(np.arange(2))
        (side, *_) = close_up_table(part).of(lfm)
        for row in range(2):
            points = side.points.vertices_model(batch.identity[row], batch.expression[row])
            camera = WeakPerspective(
                batch.rotation[row], float(batch.scale[row]), np.append(batch.translation[row], 0.0)
            )
            there = camera.image_from_model(points)[:, :2]
            np.testing.assert_allclose(there.mean(0), 32, atol=0.6)
            assert batch.scale[row] == pytest.approx(64 / side.side_mm, rel=1e-3)
