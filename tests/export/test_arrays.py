from dataclasses import replace

import numpy as np

from faces import egg_face
from lineament.export import export_npz


def test_the_arrays_are_those_of_the_result_and_need_no_pickle(tmp_path):
    face = egg_face(yaw=0.5, expression=0.3)
    export_npz(face, tmp_path / "egg.npz")
    with np.load(tmp_path / "egg.npz", allow_pickle=False) as data:
        for name in (
            "vertices_image",
            "vertices_model",
            "triangles",
            "visibility",
            "landmarks_image",
            "identity",
        ):
            np.testing.assert_array_equal(data[name], getattr(face, name))
        np.testing.assert_array_equal(data["uv"], face.model.uv)
        assert data["expression_names"].tolist() == ["jawOpen"]
        points = (
            data["scale"] * (data["vertices_model"] @ data["rotation"].T) * [1, -1, -1] + data["translation"]
        )
        np.testing.assert_allclose(points, data["vertices_image"], atol=1e-3)


def test_uncertainty_is_not_a_number_where_it_is_not_known(tmp_path):
    for name, uncertainty_mm in (("known", 1.5), ("unknown", None)):
        export_npz(replace(egg_face(), uncertainty_mm=uncertainty_mm), tmp_path / f"{name}.npz")
    assert np.load(tmp_path / "known.npz")["uncertainty_mm"] == 1.5
    assert np.isnan(np.load(tmp_path / "unknown.npz")["uncertainty_mm"])


def test_every_array_is_described_in_the_documentation(tmp_path, pytestconfig):
    export_npz(egg_face(), tmp_path / "egg.npz")
    described = (pytestconfig.rootpath / "docs" / "exports.md").read_text(encoding="utf-8")
    with np.load(tmp_path / "egg.npz") as data:
        for name in data.files:
            assert f"`{name}`" in described, name
