import os

import numpy as np
import pytest

from lineament.data.crops.augment import AugmentConfig
from lineament.data.crops.sampler import CropSampler
from lineament.data.samples.sample import Kind
from lineament.data.samples.shard_index import index_path
from lineament.data.samples.shards import ShardFolder, write_shard
from lineament.data.samples.store import SampleStore, read_shard, verify
from lineament.errors import DataError
from samples import NAMES, RECIPE, annotated_sample, assert_same, fill, make_sample, samples


@pytest.fixture
def folder(tmp_path):
    fill(tmp_path, NAMES[:2])
    return tmp_path


def test_samples_come_back_in_order(folder):
    found = list(read_shard(folder / "ytf_00000.tar"))
    assert len(found) == 3
    for one, two in zip(found, samples(), strict=True):
        assert_same(one, two)


def test_any_sample_is_the_one_that_comes_in_turn(folder):
    store = SampleStore(folder)
    in_turn = [sample for name in NAMES[:2] for sample in read_shard(folder / f"{name}.tar")]
    assert len(store) == len(in_turn) == 6
    for number in (4, 0, 5, 2):
        assert_same(store[number], in_turn[number])


def test_a_missing_or_outdated_index_is_made_again(folder):
    before = SampleStore(folder)[4]
    index_path(folder / "ytf_00000.tar").unlink()
    index_path(folder / "ytf_00001.tar").write_bytes(b"PK nonsense")
    assert_same(SampleStore(folder)[4], before)


def test_the_split_and_the_kinds_choose_samples(folder):
    held_out, rest = (SampleStore(folder, validation=side) for side in (True, False))
    assert (len(held_out), len(rest)) == (2, 4)
    assert all(held_out[n].provenance.validation for n in range(2))
    assert len(SampleStore(folder, kinds=[Kind.ROTATED])) == 6
    with pytest.raises(DataError, match="holds no samples with"):
        SampleStore(folder, kinds=[Kind.RENDERED])


def test_labels_are_known_without_pictures(folder):
    store = SampleStore(folder)
    np.testing.assert_array_equal(store.identity()[4], store[4].identity)
    np.testing.assert_array_equal(store.expression()[4], store[4].expression)
    np.testing.assert_array_equal(store.rotation()[4], store[4].camera.rotation)


def test_crops_for_training_are_drawn_from_samples(folder, lfm):
    store = SampleStore(folder)
    sampler = CropSampler(store, lfm, AugmentConfig(crop_size=32))
    batch = sampler.batch(4, np.random.default_rng(0))
    assert batch.crop.shape == (4, 32, 32, 3)
    np.testing.assert_array_equal(sampler.plain_batch(np.array([2])).identity[0], store[2].identity)
    mean, std, *_ = store.coefficient_statistics()
    assert (mean.shape, std.shape) == ((100,), (100,))


def test_whole_folders_pass_and_damaged_shards_are_named(folder):
    verify(folder)
    path = folder / "ytf_00001.tar"
    content = bytearray(path.read_bytes())
    content[700] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"1 shards .* ytf_00001\.tar"):
        verify(folder)


def test_a_shard_cut_short_is_an_error_at_every_door(folder):
    path = folder / "ytf_00001.tar"
    os.truncate(path, 1500)
    with pytest.raises(DataError, match="cannot be read"):
        list(read_shard(path))
    with pytest.raises(DataError, match="not of"):
        SampleStore(folder)


def test_a_shard_replaced_after_opening_is_noticed(folder):
    store = SampleStore(folder)
    path = folder / "ytf_00001.tar"
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(DataError, match="not where its index says"):
        store[4]


def test_a_file_that_is_no_tar_is_an_error(tmp_path):
    (tmp_path / "x.tar").write_bytes(b"nonsense" * 200)
    with pytest.raises(DataError, match="cannot be read"):
        list(read_shard(tmp_path / "x.tar"))
    with pytest.raises(DataError, match="cannot be read"):
        list(read_shard(tmp_path / "missing.tar"))


def test_people_held_out_after_the_samples_were_made_are_kept_from_training_too(folder, monkeypatch):
    before = len(SampleStore(folder, validation=False))
    monkeypatch.setattr(
        "lineament.data.samples.store.is_held_out", lambda collection, person: person == "ytf/A"
    )
    with pytest.raises(DataError, match="validation=False"):
        SampleStore(folder, validation=False)
    assert len(SampleStore(folder, validation=True)) == len(SampleStore(folder)) > before


@pytest.fixture
def mixed(tmp_path):
    """Two shards: fitted faces and faces with points alone, one of each kind in the first."""
    shards = ShardFolder(tmp_path, RECIPE)
    made = [make_sample(size=32), annotated_sample(size=32, number=1), make_sample(size=32, seed=2, number=2)]
    alone = [annotated_sample(size=32, scheme="cfp-30", number=3)]
    for name, some in (("mixed", made), ("points", alone)):
        shards.add(write_shard(tmp_path, name, some, RECIPE.storage))
    return tmp_path, [*made, *alone]


def test_fitted_and_annotated_samples_lie_in_one_folder_and_one_shard(mixed):
    folder, made = mixed
    store = SampleStore(folder)
    assert store.has_coefficients().tolist() == [True, False, True, False]
    assert_same(store[2], made[2])
    for number in (1, 3):
        labels, expected = store[number].labels, made[number].labels
        assert (labels.camera, labels.identity) == (None, None)
        assert labels.points.scheme == expected.points.scheme
        np.testing.assert_array_equal(labels.points.points_image, np.float32(expected.points.points_image))


def test_statistics_are_of_the_fitted_faces(mixed):
    folder, made = mixed
    fitted = np.stack([made[number].identity for number in (0, 2)])
    mean, std, *_ = SampleStore(folder).coefficient_statistics()
    np.testing.assert_allclose(mean, fitted.mean(0), rtol=1e-6)
    np.testing.assert_allclose(std, fitted.std(0), rtol=1e-5)


def test_who_needs_all_coefficients_is_told_how_many_samples_have_none(mixed):
    store = SampleStore(mixed[0])
    for read in (store.identity, store.expression):
        with pytest.raises(DataError, match="2 of 4 samples have annotated points only"):
            read()
    with pytest.raises(DataError, match=r"'A_1\.jpg' has no camera"):
        store.camera(1)


def test_a_set_of_the_first_format_opens_with_its_own_index(folder, monkeypatch):
    before = SampleStore(folder)[4]
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("lineament-samples-2", "lineament-samples-1"))
    index = index_path(folder / "ytf_00001.tar")
    with np.load(index) as data:
        arrays = {name: data[name] for name in data.files if not name.startswith("point")}
    np.savez(index, **arrays)
    monkeypatch.setattr("lineament.data.samples.shard_index.scan_shard", None)  # no need to read the shards
    assert_same(SampleStore(folder)[4], before)


def test_a_mask_that_nobody_asks_for_is_not_read(folder):
    store = SampleStore(folder)
    assert store[0].occlusion is not None
    assert store.sample(0, with_mask=False).occlusion is None
    np.testing.assert_array_equal(store.sample(0, with_mask=False).image, store[0].image)
