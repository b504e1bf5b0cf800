import json
import os
import tarfile
from dataclasses import replace

import numpy as np
import pytest

from lineament.data.samples.shard_index import index_path, read_index
from lineament.data.samples.shards import ShardFolder, read_manifest, write_shard
from lineament.errors import DataError
from lineament.files import sha256_of
from samples import NAMES, RECIPE, fill, samples


def test_the_manifest_says_what_the_folder_holds(tmp_path):
    shards = fill(tmp_path)
    recipe, entries = read_manifest(tmp_path)
    assert recipe == RECIPE
    assert entries == shards.entries
    assert [entry.name for entry in entries] == NAMES
    for entry in entries:
        path = tmp_path / f"{entry.name}.tar"
        assert (entry.samples, entry.validation, dict(entry.kinds)) == (3, 1, {"turned": 3})
        assert (entry.size, entry.sha256) == (path.stat().st_size, sha256_of(path))
    table = json.loads((tmp_path / "manifest.json").read_text())
    assert (table["samples"], table["validation"], table["kinds"]) == (9, 3, {"turned": 9})
    assert table["recipe"]["licence"] == "research"


def test_members_of_a_sample_lie_together_under_one_key(tmp_path):
    fill(tmp_path, NAMES[:1])
    with tarfile.open(tmp_path / "ytf_00000.tar") as tar:
        names = tar.getnames()
    first = [f"ytf_00000_000000.{ending}" for ending in ("png", "mask.png", "npz", "json")]
    assert names[:4] == first
    assert len(names) == 11  # the third has no mask


def test_the_same_samples_give_the_same_bytes(tmp_path):
    for folder in ("one", "two"):
        fill(tmp_path / folder, NAMES[:1])
    one, two = ((tmp_path / folder / "ytf_00000.tar").read_bytes() for folder in ("one", "two"))
    assert one == two


def test_finished_shards_are_kept(tmp_path):
    fill(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.tar")}
    again = fill(tmp_path)
    assert again.unfinished(NAMES) == []
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.tar")} == before


def test_a_shard_that_was_interrupted_is_made_again(tmp_path):
    def interrupted():
        yield from samples(2)
        raise KeyboardInterrupt

    shards = fill(tmp_path, NAMES[:1])
    with pytest.raises(KeyboardInterrupt):
        write_shard(tmp_path, NAMES[1], interrupted(), RECIPE.storage)
    assert not (tmp_path / "ytf_00001.tar").exists()
    assert shards.unfinished(NAMES) == NAMES[1:]
    fill(tmp_path)
    assert [entry.samples for entry in read_manifest(tmp_path)[1]] == [3, 3, 3]
    assert not list(tmp_path.glob("*.part"))


def test_a_shard_written_but_not_entered_is_made_again(tmp_path):
    write_shard(tmp_path, NAMES[0], samples(), RECIPE.storage)
    assert ShardFolder(tmp_path, RECIPE).unfinished(NAMES) == NAMES


@pytest.mark.parametrize("damage", ["removed", "cut", "changed"])
def test_a_shard_that_was_damaged_later_is_made_again(tmp_path, damage):
    shards = fill(tmp_path)
    path = tmp_path / "ytf_00001.tar"
    content = bytearray(path.read_bytes())
    if damage == "removed":
        path.unlink()
    elif damage == "cut":
        os.truncate(path, len(content) // 2)
    else:
        content[1000] ^= 1
        path.write_bytes(content)
    assert shards.unfinished(NAMES) == ["ytf_00001"]
    assert fill(tmp_path).unfinished(NAMES) == []


def test_a_shard_made_of_something_else_is_unfinished_and_one_that_does_not_tell_is_not(tmp_path):
    shards = ShardFolder(tmp_path, RECIPE)
    for name, made_of in zip(NAMES, ("old", "new", ""), strict=True):
        shards.add(replace(write_shard(tmp_path, name, samples(1), RECIPE.storage), made_of=made_of))
    again = ShardFolder(tmp_path, RECIPE)
    assert again.outdated(dict.fromkeys(NAMES, "new")) == NAMES[:1]
    assert again.unfinished(NAMES, dict.fromkeys(NAMES, "new")) == NAMES[:1]
    assert again.unfinished(NAMES) == []


def test_shards_that_are_not_kept_leave_the_manifest_and_the_disk(tmp_path):
    shards = fill(tmp_path)
    shards.keep([NAMES[1], "never made"])
    assert [entry.name for entry in read_manifest(tmp_path)[1]] == [NAMES[1]]
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"manifest.json", "ytf_00001.tar", "ytf_00001.index.npz"}
    assert fill(tmp_path).entries[0].samples == 3


def test_a_manifest_of_before_shards_told_what_they_are_made_of_is_read(tmp_path):
    fill(tmp_path)
    table = json.loads((tmp_path / "manifest.json").read_text())
    for entry in table["shards"]:
        del entry["made_of"]
    (tmp_path / "manifest.json").write_text(json.dumps(table))
    shards = ShardFolder(tmp_path, RECIPE)
    assert shards.unfinished(NAMES, dict.fromkeys(NAMES, "new")) == []


def test_a_folder_of_another_recipe_is_refused(tmp_path):
    fill(tmp_path, NAMES[:1])
    with pytest.raises(DataError, match=r"different: licence, seed"):
        ShardFolder(tmp_path, replace(RECIPE, licence="public domain", seed=2))


def test_a_shard_may_be_empty(tmp_path):
    shards = ShardFolder(tmp_path, RECIPE)
    shards.add(write_shard(tmp_path, "none", [], RECIPE.storage))
    assert shards.entries[0].samples == 0


@pytest.mark.parametrize("name", ["a.b", "a/b", "a" * 90])
def test_names_that_webdataset_would_split_are_refused(tmp_path, name):
    with pytest.raises(DataError, match="cannot be called"):
        write_shard(tmp_path, name, [], RECIPE.storage)


def test_a_manifest_of_another_format_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no samples"):
        read_manifest(tmp_path)
    for content in ("{}", "nonsense", '{"format": "other"}'):
        (tmp_path / "manifest.json").write_text(content)
        with pytest.raises(DataError, match="cannot be understood"):
            read_manifest(tmp_path)


def test_the_index_is_written_beside_the_shard(tmp_path):
    fill(tmp_path, NAMES[:1])
    with np.load(index_path(tmp_path / "ytf_00000.tar")) as index:
        assert index["key"].tolist() == [f"ytf_00000_{n:06d}" for n in range(3)]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../victim"},
        {"name": "a/b"},
        {"name": ".."},
        {"name": "a" * 300},
        {"name": 7},
        {"samples": -1},
        {"size": "9"},
        {"sha256": None},
        {"kinds": {"turned": 1.5}},
    ],
)
def test_a_manifest_names_plain_files_of_its_folder_and_all_its_fields_are_checked(tmp_path, change):
    victim = tmp_path / "victim.tar"
    victim.touch()
    folder = tmp_path / "samples"
    fill(folder)
    table = json.loads((folder / "manifest.json").read_text())
    table["shards"][0].update(change)
    (folder / "manifest.json").write_text(json.dumps(table))
    with pytest.raises(DataError, match=r"manifest\.json cannot be understood"):
        ShardFolder(folder, RECIPE).keep([])
    assert victim.exists()


def test_an_index_that_points_anywhere_else_is_made_again(tmp_path):
    fill(tmp_path, NAMES[:1])
    shard = tmp_path / f"{NAMES[0]}.tar"
    sha256 = sha256_of(shard)
    good = read_index(shard, sha256=sha256)
    for name, value in (
        ("picture_place", good.picture_place + 10**9),
        ("picture_place", good.picture_place[:1]),
        ("mask_place", -good.mask_place),
        ("picture", np.array(["exe"] * len(good))),
        ("kind", np.array(["nothing"] * len(good))),
        ("camera", good.camera[:, :5]),
        ("validation", good.validation.astype(float)),
        ("person", good.person[:2]),
    ):
        replace(good, **{name: value}).write(index_path(shard))
        again = read_index(shard, sha256=sha256)
        np.testing.assert_array_equal(getattr(again, name), getattr(good, name))
    index_path(shard).write_bytes(b"PK\x03\x04 nothing")
    assert len(read_index(shard, sha256=sha256)) == len(good)
