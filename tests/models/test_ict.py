"""ICT-FaceKit from its .obj files and from an .npz gives one model."""

import json

import numpy as np
import pytest

from lineament.errors import ModelError
from lineament.models.ict import arkit_name, read_ict

NEUTRAL = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [2, 0.5, 0], [0, 0, -1.0]])  # cm
FACES = np.array([[4, 5, 0, -1], [0, 1, 2, 3], [1, 4, 2, -1]])  # the first is a tooth, stored before the skin
MATERIALS = ("M_Teeth", "M_Face")
MATERIAL = np.array([0, 1, 1])
TEXTURE = np.array([[0.1, 0.2], [0.3, 0.2], [0.3, 0.9], [0.1, 0.9], [0.5, 0.6], [2.5, 0.5]])
CORNERS = np.array([[5, 5, 5, -1], [0, 1, 2, 3], [1, 4, 2, -1]])
RNG = np.random.default_rng(0)
IDENTITY = RNG.normal(scale=0.1, size=(2, 6, 3)).round(4)
EXPRESSION = RNG.normal(scale=0.1, size=(3, 6, 3)).round(4)
NAMES = ("PupilDilate_L", "eyeBlink_R", "jawOpen")


def write_npz(path, **changes):
    content = {
        "neutral": NEUTRAL.astype(np.float32),
        "identity": IDENTITY.astype(np.float16),
        "expression": EXPRESSION.astype(np.float16),
        "expression_names": np.array(NAMES),
        "faces": FACES,
        "uv": TEXTURE,
        "uv_faces": CORNERS,
        "material_names": np.array(MATERIALS),
        "face_material": MATERIAL.astype(np.uint8),
    } | changes
    np.savez(path, **{key: value for key, value in content.items() if value is not None})
    return path


def write_obj(path, vertices):
    lines = ["# a face"] + [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in TEXTURE] + ["vn 0 0 1"]
    for material, face, corners in zip(MATERIAL, FACES, CORNERS):
        lines.append(f"usemtl {MATERIALS[material]}")
        used = [(a, b) for a, b in zip(face, corners) if a >= 0]
        lines.append("f " + " ".join(f"{a + 1}/{b + 1}/1" for a, b in used))
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "FaceXModel"
    path.mkdir()
    write_obj(path / "generic_neutral_mesh.obj", NEUTRAL)
    for number, difference in enumerate(IDENTITY):
        write_obj(path / f"identity{number:03d}.obj", NEUTRAL + difference)
    for name, difference in zip(NAMES, EXPRESSION):
        write_obj(path / f"{name}.obj", NEUTRAL + difference)
    return path


@pytest.fixture
def model(tmp_path):
    return read_ict(write_npz(tmp_path / "ict.npz"))


def test_centimetres_become_millimetres(model):
    np.testing.assert_allclose(model.neutral_model, NEUTRAL * 10)
    np.testing.assert_allclose(model.identity_basis, IDENTITY * 10, rtol=1e-3)
    np.testing.assert_allclose(model.expression_basis, EXPRESSION * 10, rtol=1e-3)


def test_names_are_arkits(model):
    assert model.expression_names == ("pupilDilateLeft", "eyeBlinkRight", "jawOpen")
    assert model.expression_bounds == (0, 1)
    assert arkit_name("mouthLeft") == "mouthLeft"


def test_quads_are_two_triangles_and_parts_lie_together_skin_first(model):
    np.testing.assert_array_equal(model.triangles, [[0, 1, 2], [0, 2, 3], [1, 4, 2], [4, 5, 0]])
    assert model.parts == {"face": (0, 3), "mouth": (3, 4)}


def test_texture_runs_down_and_is_given_for_the_face_alone(model):
    np.testing.assert_allclose(
        model.uv[:5], [[0.1, 0.8], [0.3, 0.8], [0.3, 0.1], [0.1, 0.1], [0.5, 0.4]], atol=1e-6
    )
    assert np.isnan(model.uv[5]).all()


def test_the_folder_of_obj_files_is_the_same_model(folder, model):
    other = read_ict(folder)
    assert sorted(other.expression_names) == sorted(model.expression_names)
    order = [other.expression_names.index(name) for name in model.expression_names]
    np.testing.assert_allclose(other.neutral_model, model.neutral_model, atol=1e-4)
    np.testing.assert_allclose(other.identity_basis, model.identity_basis, atol=1e-2)
    np.testing.assert_allclose(other.expression_basis[order], model.expression_basis, atol=1e-2)
    np.testing.assert_array_equal(other.triangles, model.triangles)
    np.testing.assert_allclose(other.uv, model.uv, atol=1e-6)
    assert other.parts == model.parts


def test_a_plain_npz_without_materials_and_texture_is_all_face(tmp_path):
    bare = {"uv": None, "uv_faces": None, "material_names": None, "face_material": None}
    model = read_ict(write_npz(tmp_path / "ict.npz", **bare))
    assert model.uv is None
    assert model.parts == {"face": (0, 4)}


def test_ict_own_landmarks_come_along_where_their_list_lies_beside(tmp_path):
    listed = [number % 6 for number in range(68)]
    (tmp_path / "vertex_indices.json").write_text(json.dumps({"idx_to_landmark_verts": listed}))
    model = read_ict(write_npz(tmp_path / "ict.npz"))
    assert list(model.schemes) == ["ict-68"]
    np.testing.assert_array_equal(model.schemes["ict-68"].vertex_index[:, 0], listed)
    (tmp_path / "vertex_indices.json").write_text("{}")
    with pytest.raises(ModelError, match="idx_to_landmark_verts"):
        read_ict(tmp_path / "ict.npz")


def test_what_is_missing_or_wrong_is_named(tmp_path, folder):
    path = tmp_path / "ict.npz"
    for changes, message in (
        ({"identity": None}, "no array 'identity'"),
        ({"identity": IDENTITY[:, :5]}, r"'identity'.*shape \(2, 5, 3\)"),
        ({"expression_names": np.array(["one"])}, "3 strings"),
        ({"faces": FACES + 3}, "names vertices"),
        ({"uv_faces": CORNERS[:2]}, "'uv_faces'"),
    ):
        with pytest.raises(ModelError, match=message):
            read_ict(write_npz(path, **changes))
    with pytest.raises(ModelError, match="does not exist"):
        read_ict(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="no generic_neutral_mesh"):
        read_ict(tmp_path)
    write_obj(folder / "jawOpen.obj", NEUTRAL[:5])
    with pytest.raises(ModelError, match=r"jawOpen\.obj has 5 vertices"):
        read_ict(folder)
    (folder / "jawOpen.obj").write_text("v 1 2 none\n")
    with pytest.raises(ModelError, match=r"jawOpen\.obj is no \.obj"):
        read_ict(folder)
