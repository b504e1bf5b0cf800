"""Whatever the pose and the expression: what is read from a file is what was written into it."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.readers import read_obj, read_ply
from faces import egg_face
from glb_files import morphed, read_glb
from laws import numbers, vectors
from lineament.export import export_glb, export_npz, export_obj, export_ply

FRAMES = st.sampled_from(["model", "camera", "image"])


POSES = st.fixed_dictionaries(
    {
        "center_xy": vectors(2, 0, 4000),
        "scale": numbers(0.1, 10),
        "yaw": numbers(-1.5, 1.5),
        "pitch": numbers(-1.0, 1.0),
        "roll": numbers(-3.1, 3.1),
        "expression": numbers(0, 1),
    }
)
"""Of eggs of 20 to 2,000 px, turned and stretched."""


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def in_frame(face, frame):
    """The vertices that a file of a frame has; mm, of "image" px."""
    if frame == "image":
        return face.vertices_image
    if frame == "model":
        return face.vertices_model
    return (face.vertices_image - face.pose.translation) * [1, -1, -1] / face.pose.scale


@given(POSES, FRAMES)
def test_an_obj_file_holds_the_mesh_of_its_frame(folder, pose, frame):
    face = egg_face(**pose)
    export_obj(face, folder / "face.obj", frame=frame)
    table, triangles, _ = read_obj(folder / "face.obj")
    np.testing.assert_allclose(table["v"], in_frame(face, frame), atol=0.01)
    np.testing.assert_array_equal(triangles, face.triangles)
    np.testing.assert_allclose(table["vt"], face.model.uv * [1, -1] + [0, 1], atol=1e-5)


@given(POSES, FRAMES)
def test_a_ply_file_holds_the_mesh_of_its_frame(folder, pose, frame):
    face = egg_face(**pose)
    export_ply(face, folder / "face.ply", frame=frame)
    rows, triangles = read_ply(folder / "face.ply")
    points = np.stack([rows[axis] for axis in "xyz"], axis=1)
    np.testing.assert_allclose(points, in_frame(face, frame), atol=2e-3)
    np.testing.assert_array_equal(triangles, face.triangles)


@given(POSES)
def test_an_npz_file_holds_the_arrays_and_the_camera_between_them(folder, pose):
    face = egg_face(**pose)
    export_npz(face, folder / "face.npz")
    with np.load(folder / "face.npz", allow_pickle=False) as data:
        for name in ("vertices_image", "vertices_model", "landmarks_image", "triangles", "expression"):
            np.testing.assert_array_equal(data[name], getattr(face, name))
        model = data["vertices_model"] @ data["rotation"].T
        moved = data["scale"] * model * [1, -1, -1] + data["translation"]
    np.testing.assert_allclose(moved, face.vertices_image, atol=0.01)


@given(POSES)
def test_a_glb_file_with_its_targets_by_their_weights_is_the_head_in_metres(folder, pose):
    face = egg_face(**pose)
    export_glb(face, folder / "face.glb")
    document, array = read_glb(folder / "face.glb")
    [primitive] = document["meshes"][0]["primitives"]
    [shown] = morphed(document, array).values()
    np.testing.assert_allclose(1000 * shown, face.vertices_model, atol=0.01)
    np.testing.assert_array_equal(array(primitive["indices"]).reshape(-1, 3), face.triangles)
