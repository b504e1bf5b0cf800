from dataclasses import replace

import numpy as np
import pytest

from lineament.data.samples.recipe import BuildRecipe, OccludedOptions, PhotoOptions, RotatedOptions
from lineament.data.samples.sample import Kind, Provenance, Sample
from lineament.data.samples.shards import Recipe, ShardFolder, write_shard
from lineament.data.samples.store import SampleStore
from lineament.data.samples.view import View
from lineament.errors import DataError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles
from scripts.gpu.photo_pack import PhotoPack, expand, write_pack

RECIPE = BuildRecipe(
    photos_a_shard=2,
    photos=PhotoOptions(min_face=10),
    rotated=RotatedOptions(count=1, size=64, face=40),
    occluded=OccludedOptions(probability=0.0),
)


def sample(lfm, number, kind=Kind.PHOTOGRAPHED):
    rng = np.random.default_rng(number)
    slope = np.linspace(40, 200, 160).astype(np.uint8)
    image = np.ascontiguousarray(np.broadcast_to(slope[:, None, None], (160, 160, 3)))
    camera = WeakPerspective(matrix_from_angles(0.1 * number, 0.0, 0.0), 0.5, np.array([80.0, 76.0, 0.0]))
    identity = rng.normal(0, 0.3, 100).astype(np.float32)
    expression = np.zeros(53, np.float32)
    about = Provenance("set", f"p{number}", f"person{number}", kind, number == 2)
    return Sample.of_view(View(image, camera, identity, expression), None, about)


@pytest.fixture
def folder(tmp_path, lfm):
    """Three photographs, one of a person held out, and a rotated view that is not to be packed."""
    shards = ShardFolder(tmp_path / "set", Recipe("three photographs", "none", 0, "test", "lfm"))
    samples = [sample(lfm, number) for number in range(3)] + [sample(lfm, 3, Kind.ROTATED)]
    shards.add(write_shard(shards.folder, "all", samples, shards.recipe.storage))
    return shards.folder


def test_photographs_come_out_smaller_with_their_fits(folder, tmp_path, lfm):
    assert write_pack(folder, tmp_path / "pack.npz", budget=10**6, side=80) == 3
    pack = PhotoPack(tmp_path / "pack.npz")
    assert (len(pack), len(pack.others())) == (3, 2)
    for number in range(3):
        photo = pack.photo(number)
        whole = sample(lfm, int(photo.provenance.photo[1:]))
        assert photo.image.shape == (80, 80, 3)
        assert photo.provenance == whole.provenance
        points = lfm.neutral_model[::500]
        expected = whole.camera.image_from_model(points) / 2
        np.testing.assert_allclose(photo.camera.image_from_model(points), expected, atol=1e-3)
        np.testing.assert_allclose(photo.identity, whole.identity, atol=1e-3)
        assert abs(float(photo.image[40].mean()) - whole.image[80].mean()) < 3


def test_a_budget_is_kept(folder, tmp_path):
    assert write_pack(folder, tmp_path / "pack.npz", budget=2500, side=80) in (1, 2)


def test_a_pack_becomes_samples_and_what_is_there_stays(folder, tmp_path):
    write_pack(folder, tmp_path / "pack.npz", budget=10**6)
    entries = list(expand(tmp_path / "pack.npz", RECIPE, tmp_path / "out", processes=1))
    assert [entry.name for entry in entries] == ["packed_00000", "packed_00001"]
    store = SampleStore(tmp_path / "out")
    assert {one.provenance.kind for one in (store[n] for n in range(len(store)))} >= {Kind.PHOTOGRAPHED}
    assert len(SampleStore(tmp_path / "out", validation=True)) > 0
    assert list(expand(tmp_path / "pack.npz", RECIPE, tmp_path / "out", processes=1)) == []


def test_what_was_made_of_another_pack_is_made_again(folder, tmp_path):
    pack, out = tmp_path / "pack.npz", tmp_path / "out"
    write_pack(folder, pack, budget=10**6)
    first = list(expand(pack, RECIPE, out, processes=1))
    write_pack(folder, pack, budget=10**6, side=100)
    second = list(expand(pack, RECIPE, out, processes=1))
    assert [entry.name for entry in first] == [entry.name for entry in second]
    assert first[0].made_of != second[0].made_of


def test_only_the_photographs_of_some_collections_are_packed_and_only_for_recipes_of_those(folder, tmp_path):
    pack, out = tmp_path / "pack.npz", tmp_path / "out"
    (collection,) = {one.provenance.collection for one in map(SampleStore(folder).__getitem__, range(4))}
    with pytest.raises(DataError, match="no photographs of nobody"):
        write_pack(folder, pack, budget=10**6, collections=["nobody"])
    assert write_pack(folder, pack, budget=10**6, collections=[collection]) == 3
    with pytest.raises(DataError, match=f"photographs of {collection}, but the recipe"):
        next(expand(pack, replace(RECIPE, collections=("congress",)), out, processes=1))
    assert next(expand(pack, replace(RECIPE, collections=(collection,)), out, processes=1)).samples
    assert SampleStore(out).recipe.source == f"{collection} (3 photographs)"


def test_another_file_is_refused(tmp_path):
    (tmp_path / "pack.npz").write_bytes(b"nothing")
    with pytest.raises(DataError, match="no pack of photographs"):
        PhotoPack(tmp_path / "pack.npz")
