import numpy as np
import pytest

from lineament.data.crops.augment import AugmentConfig
from lineament.data.crops.sampler import CropSampler
from lineament.data.samples.view import View
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles


class NoiseViews:
    """Seven views of noise."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self._views = [self._random_view(rng) for _ in range(7)]

    def _random_view(self, rng):
        camera = WeakPerspective(
            matrix_from_angles(*rng.uniform(-0.5, 0.5, 3)),
            rng.uniform(0.4, 0.6),
            np.append(rng.uniform(75, 85, 2), 0.0),
        )
        labels = rng.normal(size=4).astype(np.float32), rng.uniform(size=3).astype(np.float32)
        return View(rng.integers(0, 256, (160, 160, 3), np.uint8), camera, *labels)

    def __len__(self):
        return len(self._views)

    def view(self, number):
        return self._views[number]


@pytest.fixture(scope="module")
def sampler(tiny_model):
    return CropSampler(NoiseViews(), tiny_model, AugmentConfig())


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


def test_plain_batches_are_the_views_asked_for_with_landmarks_in_the_middle(sampler, tiny_model):
    batch = sampler.plain_batch(np.array([3, 0]))
    for row, number in enumerate((3, 0)):
        view = sampler.store.view(number)
        np.testing.assert_array_equal(batch.identity[row], view.identity)
        points = tiny_model.landmarks_model(view.identity, view.expression, scheme="300w-lp")
        turned = points @ batch.rotation[row].T
        xy = batch.scale[row] * turned[:, :2] * [1, -1] + batch.translation[row]
        low, high = xy.min(axis=0), xy.max(axis=0)
        np.testing.assert_allclose((low + high) / 2, [56, 56], atol=1e-3)
        assert (high - low).max() == pytest.approx(112 / np.sqrt(2), rel=1e-4)


def test_plain_batches_do_not_change_from_call_to_call(sampler):
    one, two = sampler.plain_batch(np.arange(3)), sampler.plain_batch(np.arange(3))
    np.testing.assert_array_equal(one.crop, two.crop)


def test_half_of_the_views_are_mirrored(sampler, tiny_model):
    batch = sampler.batch(60, np.random.default_rng(0))
    known = [sampler.store.view(number).identity for number in range(len(sampler.store))]
    straight = [any(np.array_equal(row, one) for one in known) for row in batch.identity]
    mirrored = [
        any(np.array_equal(row * tiny_model.mirror.identity_sign, one) for one in known)
        for row in batch.identity
    ]
    assert all(a != b for a, b in zip(straight, mirrored, strict=True))
    assert 0.3 < np.mean(mirrored) < 0.7


def test_a_black_frame_is_around_plain_and_disturbed_crops_and_moves_no_label(sampler, tiny_model):
    framed = CropSampler(NoiseViews(), tiny_model, AugmentConfig(black_frame=6))
    plain, expected = framed.plain_batch(np.arange(3)), sampler.plain_batch(np.arange(3))
    np.testing.assert_array_equal(plain.crop[:, 6:-6, 6:-6], expected.crop[:, 6:-6, 6:-6])
    np.testing.assert_array_equal(plain.translation, expected.translation)
    for crops in (plain.crop, framed.batch(4, np.random.default_rng(0)).crop):
        inside = np.zeros((112, 112), bool)
        inside[6:-6, 6:-6] = True
        assert not crops[:, ~inside].any()
        assert crops[:, inside].any()
