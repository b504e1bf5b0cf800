import json
from dataclasses import replace

import numpy as np
import pytest

from faces import egg_face
from lineament.errors import ExportError
from lineament.export import export_json


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


@pytest.mark.parametrize(("uncertainty_mm", "written"), [(1.234, 1.23), (None, None)])
def test_uncertainty_is_written_where_it_is_known(tmp_path, uncertainty_mm, written):
    export_json([replace(egg_face(), uncertainty_mm=uncertainty_mm)], tmp_path / "egg.json")
    assert json.loads((tmp_path / "egg.json").read_text())["faces"][0]["uncertainty_mm"] == written


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
