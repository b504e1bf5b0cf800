"""Every export of faces that are a mesh without coefficients, or a mesh that a method found by itself."""

import json
from dataclasses import replace

import numpy as np
import pytest

from faces import egg_face, free_form, mesh_alone
from glb_files import morphed, read_glb
from lineament.draw import LAYERS, draw_overlay
from lineament.errors import ExportError
from lineament.export import (
    FaceTexturer,
    HeadMotion,
    export_glb,
    export_json,
    export_motion,
    export_npz,
    export_obj,
    export_parquet,
    export_ply,
    face_maps,
    frontal_view,
)
from lineament.export.glb import mesh_at_rest

SIZE = (200, 240)
PHOTO = np.full((*SIZE, 3), 120, np.uint8)


@pytest.mark.parametrize("name", ["depth_mm", "pncc_rgb", "normals_rgb", "parts"])
def test_maps_of_a_mesh_alone_are_those_of_the_same_mesh_with_coefficients(name):
    face = egg_face(yaw=0.4)
    found = getattr(face_maps([mesh_alone(face)], SIZE), name)
    np.testing.assert_array_equal(found, getattr(face_maps([face], SIZE), name))
    assert np.nan_to_num(found).any()


def test_a_mesh_alone_has_a_texture_and_a_frontal_view():
    face = mesh_alone(egg_face(yaw=0.4))
    texture = FaceTexturer(face.mesh, size=64)(PHOTO, face)
    assert np.abs(texture.colors_rgb.astype(int) - 120).max() <= 1
    assert frontal_view(face, texture, size=50)[25, 25, 3] == 255


def test_every_layer_of_an_overlay_is_drawn_of_a_mesh_alone():
    for layer in set(LAYERS) - {"rendered"}:  # which needs colours
        assert (draw_overlay(PHOTO, [mesh_alone(egg_face())], layers=[layer]) != PHOTO).any(), layer


@pytest.mark.parametrize(("write", "name"), [(export_obj, "egg.obj"), (export_ply, "egg.ply")])
def test_mesh_files_of_a_mesh_alone_are_those_with_coefficients(write, name, tmp_path):
    face = egg_face(yaw=0.4)
    write(face, tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    write(mesh_alone(face), tmp_path / name)
    assert (tmp_path / name).read_bytes() == whole


def _json_values(face, folder):
    export_json([face], folder / "faces.json")
    (values,) = json.loads((folder / "faces.json").read_text())["faces"]
    return values


def _npz_values(face, folder):
    export_npz(face, folder / "face.npz")
    return dict(np.load(folder / "face.npz"))


@pytest.mark.parametrize("read_back", [_json_values, _npz_values])
def test_arrays_and_json_of_a_mesh_alone_lack_the_coefficients_and_nothing_else(read_back, tmp_path):
    whole, mesh = (set(read_back(face, tmp_path)) for face in (egg_face(), mesh_alone(egg_face())))
    assert {"identity", "expression", "expression_names"} <= whole - mesh
    assert whole - mesh <= {"identity", "expression", "expression_names", "blendshapes"}
    assert not mesh - whole


def test_a_table_of_meshes_alone_has_a_row_a_face(tmp_path):
    rows = export_parquet([({"photo": "a"}, [mesh_alone(egg_face())] * 2)], tmp_path / "faces.parquet")
    assert rows == 2


def test_glb_of_a_mesh_alone_says_what_is_missing_and_what_to_do(tmp_path):
    with pytest.raises(ExportError, match=r"needs coefficients .* Write OBJ or PLY"):
        export_glb(mesh_alone(egg_face()), tmp_path / "egg.glb")
    assert not list(tmp_path.iterdir())


def test_glb_opens_with_exactly_the_mesh_that_a_method_found(tmp_path):
    face = free_form(egg_face(expression=0.5), longer_mm=7.0)
    export_glb(face, tmp_path / "egg.glb")
    [shown] = morphed(*read_glb(tmp_path / "egg.glb")).values()
    np.testing.assert_allclose(1000 * shown, face.vertices_model, atol=0.02)


def test_an_animated_head_has_the_mean_of_what_was_found_beyond_the_coefficients():
    motion = HeadMotion()
    motion.add(0.0, free_form(egg_face(), longer_mm=4.0))
    motion.add(0.1, free_form(egg_face(expression=1.0), longer_mm=8.0))
    expected = mesh_at_rest(free_form(egg_face(), longer_mm=6.0))
    np.testing.assert_allclose(motion.mesh_at_rest(), expected, atol=1e-3)


def test_motion_of_nobody_is_refused(tmp_path):
    with pytest.raises(ExportError, match="none of the frames"):
        export_motion(HeadMotion(), tmp_path / "nobody.glb", size_hw=SIZE)


def test_a_mesh_without_a_chart_has_no_texture():
    face = mesh_alone(egg_face())
    with pytest.raises(ExportError, match="no texture coordinates"):
        FaceTexturer(replace(face.mesh, uv=None))


def test_how_far_the_coefficients_are_from_a_found_mesh_is_in_json(tmp_path):
    values = _json_values(free_form(egg_face(), longer_mm=8.0), tmp_path)
    assert values["fit_residual_mm"] == pytest.approx(0.01)
