import json
from dataclasses import replace

import numpy as np
import pytest

from faces import egg_face
from lineament.errors import ExportError
from lineament.export import export_json, export_obj
from lineament.geometry.mesh import vertex_normals


def read_obj(path):
    """Vertices, texture coordinates, normals, triangles (from 0) and the names of the groups."""
    rows = [line.split() for line in path.read_text().splitlines()]
    table = {kind: np.array([row[1:] for row in rows if row[0] == kind], float) for kind in ("v", "vt", "vn")}
    corners = [[part.split("/") for part in row[1:]] for row in rows if row[0] == "f"]
    triangles = np.array([[int(corner[0]) - 1 for corner in face] for face in corners])
    assert all(len(set(filter(None, corner))) == 1 for face in corners for corner in face)
    return table, triangles, [row[1] for row in rows if row[0] == "g"]


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
    export_obj(replace(face, model=replace(face.model, uv=None, parts={})), tmp_path / "egg.obj")
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


def test_a_file_is_replaced_whole_and_no_other_is_left(tmp_path):
    path = tmp_path / "egg.json"
    path.write_text("old")
    export_json([], path)
    assert json.loads(path.read_text())["faces"] == []
    assert list(tmp_path.iterdir()) == [path]


def test_json_says_of_a_face_what_the_result_does(tmp_path):
    face = egg_face(yaw=0.5, pitch=0.1, roll=-0.2, expression=0.25)
    export_json([face], tmp_path / "egg.json", photo="egg.jpg", size_hw=(200, 300), meshes=["egg_face0.obj"])
    content = json.loads((tmp_path / "egg.json").read_text())
    assert content["schema"] == "lineament-faces/1"
    assert content["photo"] == {"file": "egg.jpg", "width": 300, "height": 200}
    [values] = content["faces"]
    np.testing.assert_allclose(values["box_xyxy"], face.detection.box_xyxy, atol=0.01)
    np.testing.assert_allclose(
        [values["pose"][name] for name in ("yaw", "pitch", "roll")], [0.5, 0.1, -0.2], atol=1e-4
    )
    np.testing.assert_allclose(values["pose"]["rotation"], face.pose.rotation, atol=1e-5)
    np.testing.assert_allclose(values["landmarks_image"], face.landmarks_image, atol=0.01)
    assert values["landmark_scheme"] == "300w-lp"
    assert values["face_model"] == "egg"
    assert values["blendshapes"] == {"jawOpen": 0.25}
    assert values["expression"] == [0.25]
    assert values["expression_names"] == ["jawOpen"]
    assert values["mesh"] == "egg_face0.obj"


def test_numbers_that_are_not_finite_become_null(tmp_path):
    face = egg_face()
    landmarks = face.landmarks_image.copy()
    landmarks[0] = np.nan
    export_json([replace(face, landmarks_image=landmarks)], tmp_path / "egg.json")
    content = json.loads((tmp_path / "egg.json").read_text())
    assert content["faces"][0]["landmarks_image"][0] == [None, None, None]


def test_a_mesh_name_is_given_for_each_face_or_none(tmp_path):
    with pytest.raises(ExportError, match="2 faces but 1 mesh"):
        export_json([egg_face(), egg_face()], tmp_path / "egg.json", meshes=["a.obj"])


def test_every_field_of_the_json_is_described_in_the_documentation(tmp_path, pytestconfig):
    export_json([egg_face()], tmp_path / "egg.json")
    described = (pytestconfig.rootpath / "docs" / "json.md").read_text(encoding="utf-8")

    def fields(value):
        if isinstance(value, dict):
            for name, inner in value.items():
                yield name
                yield from fields(inner if name != "blendshapes" else None)
        elif isinstance(value, list):
            for inner in value[:1]:
                yield from fields(inner)

    for name in set(fields(json.loads((tmp_path / "egg.json").read_text()))):
        assert f"`{name}`" in described, name
