import os

import numpy as np
import pytest

from lineament.data.crops.augment import AugmentConfig
from lineament.data.crops.sampler import CropSampler
from lineament.data.samples.sample import Kind
from lineament.data.samples.shard_index import index_path
from lineament.data.samples.store import SampleStore, read_shard, verify
from lineament.errors import DataError
from samples import NAMES, assert_same, fill, samples


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
    assert len(SampleStore(folder, kinds=[Kind.TURNED])) == 6
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
    mean, spread, *_ = store.coefficient_statistics()
    assert (mean.shape, spread.shape) == ((100,), (100,))


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
