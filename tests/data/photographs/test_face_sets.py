import io

import numpy as np
import pytest
from PIL import Image

from lineament.data.photographs.face_sets import (
    FaceSet,
    hash_fraction,
    measure_bridge,
    place_heads,
    up_in_image,
)
from lineament.geometry.rotation import matrix_from_angles

RNG = np.random.default_rng(0)
HEAD = RNG.normal(0, 5, (468, 3))


def heads(count: int):
    """Meshes (count, 478, 3) of one head in many poses, as MediaPipe gives them, and their rotations."""
    rotations = matrix_from_angles(*RNG.uniform(-0.6, 0.6, (3, count)))
    rotated = (HEAD @ np.swapaxes(rotations, -1, -2)) * 7.0 * [1, -1, -1] + [100.0, 80.0, 0.0]
    return np.concatenate([rotated, np.zeros((count, 10, 3))], axis=1), rotations


def test_heads_are_placed_as_they_were_turned():
    mesh, rotations = heads(5)
    placed = place_heads(mesh, HEAD)
    np.testing.assert_allclose(placed.rotation, rotations, atol=1e-9)
    np.testing.assert_allclose(placed.scale, 7.0)


def test_the_bridge_finds_landmarks_that_sit_beside_vertices():
    mesh, rotations = heads(60)
    index = RNG.permutation(468)[:68]
    beside = HEAD[index] + RNG.normal(0, 0.05, (68, 3))
    landmarks = (beside @ np.swapaxes(rotations, -1, -2)) * 7.0 * [1, -1, 1] + [100.0, 80.0, 0.0]
    landmarks[..., 2] -= landmarks[..., 2].mean(axis=1, keepdims=True)  # its zero of depth is its own
    placed = place_heads(mesh, HEAD)
    bridge = measure_bridge(mesh, landmarks, placed, rounds=20)
    found = bridge.landmarks_image(mesh, placed)
    assert np.abs(found - landmarks[..., :2]).max() < 0.2


@pytest.mark.parametrize("roll", [-2.0, 0.0, 0.5, 3.0])
def test_the_head_points_where_its_roll_says(roll):
    up = up_in_image(matrix_from_angles(0.0, 0.0, roll))
    np.testing.assert_allclose(np.arctan2(-up[0], -up[1]), roll, atol=1e-6)


def jpeg(size_wh):
    file = io.BytesIO()
    Image.new("RGB", size_wh, (200, 100, 50)).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize("stored", ["jpeg", "array"])
def test_a_small_picture_is_read_when_little_is_needed(stored):
    pictures = [jpeg((160, 80))] if stored == "jpeg" else np.full((1, 80, 160, 3), 100, np.uint8)
    faces = FaceSet(("a_1",), pictures, np.zeros((1, 68, 2)), np.array([[0.0, -1.0]]))
    picture, factor = faces.picture(0, scale=0.3)
    assert picture.shape == (40, 80, 3)
    assert factor == 0.5
    assert faces.picture(0, scale=2.0)[0].shape == (80, 160, 3)


def test_a_person_is_on_one_side_of_the_split():
    names = tuple(f"person{person}_{shot}" for person in range(200) for shot in range(3))
    faces = FaceSet(names, [b""] * 600, np.zeros((600, 68, 2)), np.zeros((600, 2)))
    held, kept = faces.part(held_out=True, fraction=0.3), faces.part(held_out=False, fraction=0.3)
    assert len(held) + len(kept) == 600
    assert not {n.split("_")[0] for n in held.names} & {n.split("_")[0] for n in kept.names}
    assert 0.2 < len(held) / 600 < 0.4


def test_a_hash_fraction_never_changes():
    assert hash_fraction("astronaut") == hash_fraction("astronaut")
    assert 0 <= hash_fraction("astronaut") < 1


def test_a_person_is_on_one_side_whatever_folder_the_photographs_are_in():
    people = [f"Person_{number}" for number in range(60)]
    names = [f"{folder}{person}_0001.jpg" for folder in ("", "training/") for person in people]
    count = len(names)
    faces = FaceSet(tuple(names), [b""] * count, np.zeros((count, 68, 2)), np.zeros((count, 2)))
    held_out = faces.part(held_out=True, fraction=0.3).names
    assert 0 < len(held_out) < count
    assert {name for name in held_out if "/" in name} == {
        f"training/{name}" for name in held_out if "/" not in name
    }
