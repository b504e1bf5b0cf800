from dataclasses import replace

import numpy as np
import pytest

from export.readers import read_obj
from faces import egg_face
from lineament.errors import ExportError
from lineament.export import export_obj
from lineament.geometry.mesh import vertex_normals
from lineament.image import read_image


def test_the_model_frame_gives_the_head_itself_whatever_the_pose(tmp_path):
    face = egg_face(yaw=0.7, pitch=-0.2, roll=0.4, scale=0.3)
    export_obj(face, tmp_path / "egg.obj")
    table, triangles, groups = read_obj(tmp_path / "egg.obj")
    np.testing.assert_allclose(table["v"], face.model.neutral_model, atol=0.01)
    np.testing.assert_array_equal(triangles, face.triangles)
    assert groups == ["face", "back"]


def test_the_camera_frame_is_the_photo_with_y_up_in_mm(tmp_path):
    face = egg_face(yaw=0.7, scale=0.3)
    export_obj(face, tmp_path / "egg.obj", frame="camera")
    table, _, _ = read_obj(tmp_path / "egg.obj")
    in_px = table["v"] * [0.3, -0.3, -0.3] + face.pose.translation
    np.testing.assert_allclose(in_px, face.vertices_image, atol=0.01)


def test_the_image_frame_is_the_photo_itself(tmp_path):
    face = egg_face(yaw=-0.4)
    export_obj(face, tmp_path / "egg.obj", frame="image")
    table, _, _ = read_obj(tmp_path / "egg.obj")
    np.testing.assert_allclose(table["v"], face.vertices_image, atol=1e-3)


@pytest.mark.parametrize("frame", ["model", "camera", "image"])
def test_normals_point_out_of_the_mesh_in_every_frame(tmp_path, frame):
    export_obj(egg_face(yaw=0.5), tmp_path / "egg.obj", frame=frame)
    table, triangles, _ = read_obj(tmp_path / "egg.obj")
    np.testing.assert_allclose(table["vn"], vertex_normals(table["v"], triangles), atol=1e-2)
    outward = ((table["v"] - table["v"].mean(axis=0)) * table["vn"]).sum(axis=1)
    assert np.median(outward) > 0


def test_v_runs_up_in_the_file(tmp_path):
    face = egg_face()
    export_obj(face, tmp_path / "egg.obj")
    table, _, _ = read_obj(tmp_path / "egg.obj")
    np.testing.assert_allclose(table["vt"], face.model.uv * [1, -1] + [0, 1], atol=1e-5)


def test_a_model_without_texture_coordinates_has_none_in_the_file(tmp_path):
    face = egg_face()
    export_obj(replace(face, mesh=replace(face.mesh, uv=None, parts={})), tmp_path / "egg.obj")
    table, triangles, groups = read_obj(tmp_path / "egg.obj")
    assert len(table["vt"]) == 0
    np.testing.assert_array_equal(triangles, face.triangles)
    assert groups == []


def test_an_unknown_frame_is_refused(tmp_path):
    with pytest.raises(ExportError, match="model, camera, image"):
        export_obj(egg_face(), tmp_path / "egg.obj", frame="world")


def test_a_mesh_that_is_not_finite_is_refused_and_nothing_is_written(tmp_path):
    face = egg_face()
    with pytest.raises(ExportError, match="finite"):
        export_obj(replace(face, vertices_image=face.vertices_image * np.nan), tmp_path / "egg.obj")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_an_export_error(tmp_path):
    with pytest.raises(ExportError, match="Check the folder"):
        export_obj(egg_face(), tmp_path / "nowhere" / "egg.obj")


def test_a_texture_brings_a_material_and_a_picture(tmp_path):
    texture = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    export_obj(egg_face(), tmp_path / "egg.obj", texture_rgb=texture)
    lines = (tmp_path / "egg.obj").read_text().splitlines()
    assert lines[1:3] == ["mtllib egg.mtl", "usemtl face"]
    material = (tmp_path / "egg.mtl").read_text()
    assert "newmtl face" in material
    assert "map_Kd egg.png" in material
    np.testing.assert_array_equal(read_image(tmp_path / "egg.png"), texture)


def test_a_texture_without_texture_coordinates_is_refused(tmp_path):
    face = egg_face()
    face = replace(face, mesh=replace(face.mesh, uv=None))
    with pytest.raises(ExportError, match="texture coordinates"):
        export_obj(face, tmp_path / "egg.obj", texture_rgb=np.zeros((4, 4, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_another_program_reads_the_same_mesh_and_texture(tmp_path):
    trimesh = pytest.importorskip("trimesh", reason="trimesh is not installed: pip install trimesh")
    face = egg_face()
    export_obj(face, tmp_path / "egg.obj", texture_rgb=np.zeros((4, 4, 3), np.uint8))
    mesh = trimesh.load(tmp_path / "egg.obj", process=False, maintain_order=True, group_material=False)
    np.testing.assert_allclose(mesh.vertices, face.model.neutral_model, atol=1e-3)
    np.testing.assert_array_equal(mesh.faces, face.triangles)
