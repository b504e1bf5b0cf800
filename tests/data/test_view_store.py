import numpy as np
import pytest

from lineament.data.augment import AugmentConfig
from lineament.data.view_store import CropSampler, ViewStore
from lineament.errors import DataError
from lineament.geometry.rotation import matrix_from_angles

COUNTS = {"congress_00000": 5, "ytf_00000": 7}


@pytest.fixture
def folder(tmp_path):
    """Two shards of views; every third view is kept for validation."""
    rng = np.random.default_rng(0)
    for stem, count in COUNTS.items():
        np.save(tmp_path / f"{stem}_images.npy", rng.integers(0, 256, (count, 160, 160, 3), np.uint8))
        np.savez(
            tmp_path / f"{stem}_labels.npz",
            rotation=matrix_from_angles(*rng.uniform(-0.5, 0.5, (3, count))).astype(np.float32),
            scale=rng.uniform(0.4, 0.6, count).astype(np.float32),
            translation=rng.uniform(75, 85, (count, 2)).astype(np.float32),
            identity=rng.normal(size=(count, 4)).astype(np.float32),
            expression=rng.uniform(size=(count, 3)).astype(np.float32),
            photo=np.arange(count),
            validation=np.arange(count) % 3 == 0,
        )
    return tmp_path


@pytest.fixture
def sampler(folder, tiny_model):
    return CropSampler(ViewStore(folder, validation=False), tiny_model, AugmentConfig())


def stored(folder, field):
    """A field of both shards, one after the other."""
    return np.concatenate([np.load(folder / f"{stem}_labels.npz")[field] for stem in sorted(COUNTS)])


def test_every_view_is_on_one_side_of_the_split(folder):
    train, held_out = (ViewStore(folder, validation=side) for side in (False, True))
    assert (len(train), len(held_out)) == (7, 5)
    kept = stored(folder, "validation")
    for store, side in ((train, False), (held_out, True)):
        scales = [store.view(number).camera.scale for number in range(len(store))]
        np.testing.assert_array_equal(np.float32(scales), stored(folder, "scale")[kept == side])


def test_a_view_has_its_own_picture_and_labels(folder):
    store = ViewStore(folder, validation=True)
    view = store.view(2)  # the first of the second shard
    np.testing.assert_array_equal(view.image, np.load(folder / "ytf_00000_images.npy")[0])
    with np.load(folder / "ytf_00000_labels.npz") as labels:
        np.testing.assert_array_equal(view.camera.rotation, labels["rotation"][0])
        np.testing.assert_array_equal(view.camera.translation, [*labels["translation"][0], 0])
        np.testing.assert_array_equal(view.identity, labels["identity"][0])
        np.testing.assert_array_equal(view.expression, labels["expression"][0])


def test_statistics_are_of_the_chosen_side_only(folder):
    identity = stored(folder, "identity")[~stored(folder, "validation")]
    mean, spread, _, _ = ViewStore(folder, validation=False).coefficient_statistics()
    np.testing.assert_allclose(mean, identity.mean(axis=0))
    np.testing.assert_allclose(spread, identity.std(axis=0))


def test_a_folder_without_views_says_how_to_make_them(tmp_path):
    with pytest.raises(DataError, match=r"python -m lineament\.data\.views"):
        ViewStore(tmp_path, validation=False)


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
