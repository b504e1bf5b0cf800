import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from damaged import NO_ARRAYS
from lineament.data.photographs.collections import (
    COLLECTIONS,
    MESH_POINTS,
    VALIDATION_FRACTION,
    Collection,
    read_collection,
    read_member,
    shared_folder,
)
from lineament.data.photographs.head_yaw import predicted_yaws
from lineament.errors import DataError
from shared import shared_path

NAMES = ("Ann_Lee_0001.png", "Ann_Lee_0002.png", "Bo_0001.png")


def write_collection(folder, *, in_zip=NAMES, labelled=NAMES):
    """A zip of plain pictures, red telling their number, and random meshes in 1/32 px."""
    with zipfile.ZipFile(folder / "tiny.zip", "w") as archive:
        for number, name in enumerate(in_zip):
            file = io.BytesIO()
            Image.new("RGB", (20, 10), (number, 50, 60)).save(file, "PNG")
            archive.writestr(name, file.getvalue())
    mesh = np.random.default_rng(0).integers(0, 3200, (len(labelled), 478, 3)).astype(np.int32)
    np.savez(folder / "tiny_landmarks.npz", names=np.array(labelled), mesh478_q32=mesh)
    return mesh


def people_of(count: int) -> Collection:
    names = tuple(f"Person_{number // 3}_{number % 3:04d}.jpg" for number in range(count))
    return Collection("some", None, names, np.zeros((count, 470, 3)))


def test_a_collection_has_its_photographs_and_their_meshes_in_pixels(tmp_path):
    mesh = write_collection(tmp_path)
    collection = read_collection(tmp_path, "tiny")
    assert collection.photo_names == NAMES
    np.testing.assert_array_equal(collection.mesh_points, mesh[:, list(MESH_POINTS)] / 32)
    with zipfile.ZipFile(collection.archive) as photos:
        picture = read_member(photos, NAMES[2])
    assert (picture.size, picture.mode) == ((20, 10), "RGB")
    assert picture.getpixel((0, 0)) == (2, 50, 60)


def test_the_points_kept_are_the_mesh_and_the_iris_centres():
    assert len(MESH_POINTS) == 470
    assert MESH_POINTS[-2:] == (468, 473)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"'tiny' needs .*tiny\.zip"):
        read_collection(tmp_path, "tiny")


def test_labels_without_a_photograph_are_told(tmp_path):
    write_collection(tmp_path, in_zip=NAMES[:2])
    with pytest.raises(DataError, match=r"lacks 1 .*'Bo_0001\.png'"):
        read_collection(tmp_path, "tiny")


def test_people_are_told_apart_by_their_names_within_a_collection(tmp_path):
    write_collection(tmp_path)
    assert read_collection(tmp_path, "tiny").people == ("tiny/Ann_Lee", "tiny/Ann_Lee", "tiny/Bo")


def test_all_photographs_of_a_person_are_on_one_side_of_the_split():
    collection = people_of(3000)
    sides = {}
    for person, kept in zip(collection.people, collection.is_validation, strict=True):
        assert sides.setdefault(person, kept) == kept
    assert 0.4 * VALIDATION_FRACTION < np.mean(list(sides.values())) < 2 * VALIDATION_FRACTION


def test_the_split_does_not_depend_on_which_photographs_there_are():
    many, few = people_of(600), people_of(60)
    np.testing.assert_array_equal(many.is_validation[:60], few.is_validation)


def test_the_folder_of_reference_material_can_be_set(tmp_path, monkeypatch):
    monkeypatch.setenv("LINEAMENT_SHARED", str(tmp_path))
    assert shared_folder() == tmp_path
    monkeypatch.setenv("LINEAMENT_SHARED", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="set LINEAMENT_SHARED"):
        shared_folder()


def test_the_real_collections_are_whole_and_have_a_fraction_for_validation():
    photos = shared_path("photos")
    name = "congress"
    assert name in COLLECTIONS
    collection = read_collection(photos, name)
    assert collection.mesh_points.shape == (len(collection.photo_names), 470, 3)
    assert 0 < collection.is_validation.mean() < 0.06
    with zipfile.ZipFile(collection.archive) as archive:
        picture = read_member(archive, collection.photo_names[0])
    middle = collection.mesh_points[0, :, :2].mean(axis=0)
    assert (middle > 0).all()
    assert (middle < picture.size).all()


@pytest.mark.parametrize("kind", NO_ARRAYS)
def test_damaged_files_of_a_collection_are_named(tmp_path, kind):
    write_collection(tmp_path)
    labels, archive = tmp_path / "tiny_landmarks.npz", tmp_path / "tiny.zip"
    whole = labels.read_bytes()
    labels.write_bytes(NO_ARRAYS[kind])
    with pytest.raises(DataError, match=r"tiny_landmarks\.npz is no table of meshes"):
        read_collection(tmp_path, "tiny")
    with pytest.raises(DataError, match=r"tiny_landmarks\.npz is no table of 68 points"):
        predicted_yaws(labels)
    labels.write_bytes(whole)
    archive.write_bytes(NO_ARRAYS[kind])
    with pytest.raises(DataError, match=r"tiny\.zip (is no zip|lacks 3)"):
        read_collection(tmp_path, "tiny")


def test_a_damaged_photograph_of_a_collection_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "tiny.zip", "w") as archive:
        archive.writestr("a.png", b"\x89PNG\r\n\x1a\nno picture")
    with (
        zipfile.ZipFile(tmp_path / "tiny.zip") as photos,
        pytest.raises(DataError, match=r"a\.png of .*tiny\.zip"),
    ):
        read_member(photos, "a.png")
