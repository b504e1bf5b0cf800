import csv
import shutil
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lineament.data.build.builder import (
    LEFT_OUT,
    RECIPE_FILE,
    BuildConfig,
    build,
    fit,
    photo_parts,
    rendered_parts,
)
from lineament.data.build.worker import BuildPlan, shard_keys
from lineament.data.fitting.layouts import mesh_layout
from lineament.data.fitting.summary import FitSummary
from lineament.data.photographs.collection import read_photo_collection
from lineament.data.photographs.collections import is_validation
from lineament.data.photographs.people import PeopleRule
from lineament.data.samples.recipe import (
    BuildRecipe,
    EditedOptions,
    OccludedOptions,
    RenderedOptions,
    RotatedOptions,
    read_recipe,
)
from lineament.data.samples.sample import Kind
from lineament.data.samples.shards import read_manifest
from lineament.data.samples.store import SampleStore, verify
from lineament.errors import DataError, ModelError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.mesh import barycentric_points
from lineament.geometry.rotation import matrix_from_angles

RECIPE = BuildRecipe(
    name="tiny",
    licence="public domain",
    photos_a_shard=1,
    rotated=RotatedOptions(count=2, size=64, face=40.0),
    edited=EditedOptions(probability=0.0),
    occluded=OccludedOptions(probability=0.5),
)
CAMERA = WeakPerspective(matrix_from_angles(0.4, 0.1, 0.2), 0.6, np.array([170.0, 130.0, 0.0]))


@pytest.fixture(scope="module")
def photos(tmp_path_factory, lfm):
    """A zip of three photographs with meshes of the neutral face; one file is damaged."""
    folder = tmp_path_factory.mktemp("photos")
    layout = mesh_layout()
    head = barycentric_points(lfm.neutral_model, layout.vertex_index, layout.weights)
    mesh = np.zeros((3, 478, 3), np.int32)
    mesh[:, [*range(468), 468, 473]] = np.round(CAMERA.image_from_model(head) * 32)
    names = [next(n for n in candidates() if kept_for_validation(n) == side) for side in (False, True)]
    names.append("Zoe_Bad_0001.png")
    np.savez(folder / "tiny_landmarks.npz", names=names, mesh478_q32=mesh)
    x, y = np.meshgrid(np.arange(320) / 320, np.arange(240) / 240)
    ramp = Image.fromarray(np.uint8(255 * np.stack([x, y, 0.5 + 0 * x], axis=-1)))
    with zipfile.ZipFile(folder / "tiny.zip", "w") as archive:
        for name in names[:2]:
            with archive.open(name, "w") as file:
                ramp.save(file, "PNG")
        archive.writestr(names[2], b"\x89PNG not really")
    return read_photo_collection(folder / "tiny.zip")


def candidates():
    return (f"Some_Person{letter}{other}_0001.png" for letter in "abcdefghijklm" for other in "nopqrstuvwxyz")


def kept_for_validation(name):
    return is_validation(f"tiny/{name.rpartition('_')[0]}")


def built(photos, out, recipe=RECIPE):
    for last in build(BuildConfig(recipe, (photos,), out), processes=1):
        progress = last
    return progress


@pytest.fixture(scope="module")
def folder(photos, tmp_path_factory):
    """The set of the three photographs."""
    out = tmp_path_factory.mktemp("set")
    built(photos, out)
    return out


def test_each_photograph_becomes_itself_and_its_rotated_pictures(folder, photos):
    verify(folder)
    store = SampleStore(folder)
    assert len(store) == 6
    kinds = [store[number].provenance.kind for number in range(3)]
    assert kinds == [Kind.PHOTOGRAPHED, Kind.ROTATED, Kind.ROTATED]
    assert {store[number].provenance.photo for number in range(6)} == {e.photo for e in photos.entries[:2]}
    assert all(store[number].size_hw == (64, 64) for number in range(6))


def test_people_kept_for_validation_are_marked(folder):
    for side in (False, True):
        store = SampleStore(folder, validation=side)
        assert len(store) == 3
        assert all(kept_for_validation(store[number].provenance.photo) == side for number in range(3))


def test_one_bad_photograph_is_a_line_and_the_others_go_on(folder):
    with (folder / LEFT_OUT).open() as file:
        rows = list(csv.DictReader(file))
    assert [row["photo"] for row in rows] == ["Zoe_Bad_0001.png"]
    assert "cannot" in rows[0]["reason"] or "not" in rows[0]["reason"]


def test_the_manifest_says_where_the_samples_come_from_and_how_they_may_be_used(folder):
    recipe, entries = read_manifest(folder)
    assert (recipe.source, recipe.licence) == ("tiny (3 photographs)", "public domain")
    assert RECIPE.digest in recipe.command
    assert len(entries) == 3
    assert read_recipe(folder / RECIPE_FILE) == RECIPE


@pytest.mark.parametrize(
    ("name", "terms"), [("bsds500_no_faces", "for research"), ("mine", "under their own terms")]
)
def test_pictures_behind_heads_are_named_with_their_terms(tmp_path, name, terms):
    rendered = BuildRecipe(name="faces", licence="anyone's", rendered=RenderedOptions(count=2))
    said = BuildConfig(rendered, (), tmp_path, backgrounds=tmp_path / f"{name}.zip").manifest
    assert said.source == f"2 rendered faces, backgrounds of {name}"
    assert said.licence == f"anyone's; backgrounds of {name}, {terms}"
    plain = BuildConfig(rendered, (), tmp_path).manifest
    assert (plain.source, plain.licence) == ("2 rendered faces", "anyone's")


def test_interrupted_work_goes_on_and_ends_with_the_same_bytes(folder, photos, tmp_path):
    steps = build(BuildConfig(RECIPE, (photos,), tmp_path), processes=1)
    assert [next(steps).finished for _ in range(2)] == [0, 1]
    steps.close()  # as when the process ends here
    (tmp_path / "tiny_00001.tar.part").write_bytes(b"half a shard")
    assert next(build(BuildConfig(RECIPE, (photos,), tmp_path), processes=1)).finished == 1
    assert built(photos, tmp_path).finished == 3
    for entry in read_manifest(folder)[1]:
        name = f"{entry.name}.tar"
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    assert (tmp_path / LEFT_OUT).read_text() == (folder / LEFT_OUT).read_text()


@pytest.fixture
def album(photos, folder, tmp_path):
    """album(people=None, moved_px=0) -> the collection, its first mesh moved; set/ is what was made of it."""
    root = tmp_path / photos.root.name
    shutil.copy(photos.root, root)
    shutil.copytree(folder, tmp_path / "set")
    with np.load(photos.root.with_name("tiny_landmarks.npz")) as data:
        names, mesh = data["names"], data["mesh478_q32"]

    def read(people=None, moved_px=0):
        mesh_now = mesh.copy()
        mesh_now[0, :, :2] += 32 * moved_px
        np.savez(root.with_name("tiny_landmarks.npz"), names=names, mesh478_q32=mesh_now)
        if people is None:
            return read_photo_collection(root)
        lines = [f"{name},{person}" for name, person in zip(names, people, strict=True)]
        (tmp_path / "people.csv").write_text("\n".join(["photo,person", *lines]))
        return read_photo_collection(root, people=PeopleRule.of_text(str(tmp_path / "people.csv")))

    read()
    return read


def test_what_was_made_of_landmarks_that_have_changed_is_made_again(album, tmp_path):
    again = next(build(BuildConfig(RECIPE, (album(),), tmp_path / "set"), processes=1))
    assert (again.finished, again.outdated) == (3, 0)
    changed = album(moved_px=5)
    stopped = build(BuildConfig(RECIPE, (changed,), tmp_path / "set"), processes=1)
    assert next(stopped).outdated == 3
    stopped.close()  # before any was made: the old ones are still there
    assert len(SampleStore(tmp_path / "set")) == sum(
        entry.samples for entry in read_manifest(tmp_path / "set")[1]
    )
    steps = list(build(BuildConfig(RECIPE, (changed,), tmp_path / "set"), processes=1))
    assert (steps[0].finished, steps[0].outdated, steps[-1].finished) == (0, 3, 3)
    assert_same_sets(tmp_path / "set", made_anew(changed, tmp_path / "new"))
    assert next(build(BuildConfig(RECIPE, (changed,), tmp_path / "set"), processes=1)).outdated == 0


def test_when_the_table_of_people_changes_no_shard_of_the_old_one_is_left(album, tmp_path):
    built(album(people=["Ann", "Bo", "Cy"]), tmp_path / "other")
    changed = album(people=["Ann", "Bo", "Ann"])  # two parts, where there were three
    built(changed, tmp_path / "other")
    assert_same_sets(tmp_path / "other", made_anew(changed, tmp_path / "new"))
    people = {SampleStore(tmp_path / "other")[number].provenance.person for number in range(6)}
    assert people == {"tiny/Ann", "tiny/Bo"}


def test_shards_of_photographs_whose_labels_are_the_same_are_kept(album, tmp_path):
    plan = BuildPlan(RECIPE, tmp_path, tmp_path, None)
    before, after = (shard_keys(plan, photo_parts([album(moved_px=px)], 1)) for px in (0, 5))
    assert [name for name in before if before[name] != after[name]] == ["tiny_00000"]


RENDERED = BuildRecipe(
    rendered=RenderedOptions(count=2, size=48), rotated=RotatedOptions(count=0), occluded=OccludedOptions(0.0)
)


@pytest.mark.parametrize("changed", ["face_model_checksum", "__version__"])
def test_rendered_faces_of_an_old_face_model_or_version_are_made_again(tmp_path, monkeypatch, changed):
    config = BuildConfig(RENDERED, (), tmp_path)
    assert list(build(config, processes=1))[-1].finished == 1
    assert next(build(config, processes=1)).outdated == 0
    new = "0.0.0" if changed == "__version__" else lambda: "another"
    monkeypatch.setattr(f"lineament.data.build.worker.{changed}", new)
    again = next(build(config, processes=1))
    assert (again.finished, again.outdated) == (0, 1)


def test_rendered_faces_of_other_textures_are_made_of_something_else(tmp_path):
    textures = tmp_path / "textures.npz"
    textures.write_bytes(b"other colours")
    recipes = RENDERED, replace(RENDERED, rendered=replace(RENDERED.rendered, textures=str(textures)))
    keys = [shard_keys(BuildPlan(recipe, tmp_path, tmp_path, None), rendered_parts(2)) for recipe in recipes]
    assert keys[0].keys() == keys[1].keys() == {"rendered_00000"}
    assert keys[0] != keys[1]
    textures.unlink()
    with pytest.raises(ModelError, match="does not exist"):
        shard_keys(BuildPlan(recipes[1], tmp_path, tmp_path, None), rendered_parts(2))


def made_anew(photos, out):
    """A folder with the same set made from nothing."""
    built(photos, out)
    return out


def assert_same_sets(one, two):
    """Two folders hold the same shards, byte by byte, and nothing else."""
    names = [{path.name for path in folder.glob("*.tar")} for folder in (one, two)]
    assert names[0] == names[1] == {f"{entry.name}.tar" for entry in read_manifest(one)[1]}
    for name in names[0]:
        assert (one / name).read_bytes() == (two / name).read_bytes()
    assert (one / LEFT_OUT).read_text() == (two / LEFT_OUT).read_text()


def test_what_is_made_of_a_photograph_does_not_depend_on_the_others(folder, photos, tmp_path):
    built(photos.limited(1), tmp_path)
    alone, all_of_them = SampleStore(tmp_path), SampleStore(folder)
    for number in range(3):
        np.testing.assert_allclose(
            alone[number].camera.rotation, all_of_them[number].camera.rotation, atol=1e-12
        )


def test_a_folder_of_another_recipe_is_refused(folder, photos):
    other = BuildRecipe(name="tiny", seed=9)
    with pytest.raises(DataError, match="another recipe"):
        next(build(BuildConfig(other, (photos,), folder), processes=1))


def test_two_collections_of_one_name_are_refused(photos, tmp_path):
    with pytest.raises(DataError, match="the same name"):
        next(build(BuildConfig(RECIPE, (photos, photos), tmp_path), processes=1))


def test_shards_of_all_collections_come_in_turn(photos):
    twice = [photos, read_photo_collection(photos.root, name="other")]
    assert [part.shard for part in photo_parts(twice, 1)][:3] == ["tiny_00000", "other_00000", "tiny_00001"]


def test_rendered_faces_are_divided_without_loss():
    parts = rendered_parts(1201)
    assert [part.count for part in parts] == [500, 500, 201]
    assert [part.first for part in parts] == [0, 500, 1000]


def test_two_builds_do_not_write_into_one_folder(photos, tmp_path):
    first = build(BuildConfig(RECIPE, (photos,), tmp_path), processes=1)
    next(first)
    with pytest.raises(DataError, match="Another build"):
        next(build(BuildConfig(RECIPE, (photos,), tmp_path), processes=1))
    first.close()
    assert next(build(BuildConfig(RECIPE, (photos,), tmp_path), processes=1)).finished == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX's names of files")
def test_photographs_may_be_called_anything(tmp_path):
    """Names of files are bytes: they need be no text, and no name is an instruction to a table or a page."""
    album = tmp_path / "album"
    album.mkdir()
    for name in ("caf\udce9.png", "two\nlines.png", "<b>.png", 'a,"b.png'):
        (album / name).write_bytes(b"no picture")
    collection = read_photo_collection(album)
    assert built(collection, tmp_path / "set").left_out == 4
    with (tmp_path / "set" / LEFT_OUT).open(encoding="utf-8", newline="") as file:
        assert sorted(row[1] for row in list(csv.reader(file))[1:]) == sorted(
            ["caf\\udce9.png", "two\nlines.png", "<b>.png", 'a,"b.png']
        )
    summary = FitSummary()
    for fits in fit(BuildConfig(RECIPE, (collection,), tmp_path, fits=tmp_path / "fits"), processes=1):
        summary.add(fits)
    summary.write(tmp_path / "fits")
    assert "caf\\udce9.png" in (tmp_path / "fits" / "fits.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("content", [b"\xff\x00\r\n\xff", b'shard,photo,reason\n"' + b"x" * 200_000, b""])
def test_a_damaged_list_of_what_was_left_out_does_not_stop_a_build(folder, photos, tmp_path, content):
    shutil.copytree(folder, tmp_path / "set")
    (tmp_path / "set" / LEFT_OUT).write_bytes(content)
    assert built(photos, tmp_path / "set").samples == 6
