"""FLAME in its true formats, made small."""

import pickle

import numpy as np
import pytest

from lineament.errors import ModelError
from lineament.models.flame import read_flame

TETRAHEDRON = np.array([[0.0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]])  # metres
OUTWARD = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], dtype=np.uint32)


def tiny_flame():
    basis = np.random.default_rng(0).normal(scale=1e-3, size=(4, 3, 400))
    return {"v_template": TETRAHEDRON, "shapedirs": basis, "f": OUTWARD, "posedirs": np.zeros((4, 3, 36))}


def save(tmp_path, suffix, content):
    path = tmp_path / f"generic_model{suffix}"
    if suffix == ".npz":
        np.savez(path, **content)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    return path


@pytest.mark.parametrize("suffix", [".npz", ".pkl"])
def test_metres_become_millimetres_and_the_modes_are_split_300_to_100(tmp_path, suffix):
    content = tiny_flame()
    model = read_flame(save(tmp_path, suffix, content))
    np.testing.assert_allclose(model.neutral_model, TETRAHEDRON * 1000)
    assert model.identity_basis.shape == (300, 4, 3)
    assert model.expression_basis.shape == (100, 4, 3)
    np.testing.assert_allclose(model.identity_basis[7], content["shapedirs"][..., 7] * 1000, rtol=1e-6)
    np.testing.assert_allclose(model.expression_basis[7], content["shapedirs"][..., 307] * 1000, rtol=1e-6)
    np.testing.assert_array_equal(model.triangles, OUTWARD)


def test_a_face_is_the_template_plus_its_modes(tmp_path):
    content = tiny_flame()
    model = read_flame(save(tmp_path, ".npz", content))
    rng = np.random.default_rng(1)
    identity, expression = rng.normal(size=300), rng.normal(size=100)
    expected = TETRAHEDRON + content["shapedirs"] @ np.concatenate([identity, expression])
    np.testing.assert_allclose(model.vertices_model(identity, expression), expected * 1000, atol=1e-3)


def test_a_missing_file_a_missing_array_and_a_wrong_shape_are_named(tmp_path):
    with pytest.raises(ModelError, match=r"nothing\.pkl does not exist"):
        read_flame(tmp_path / "nothing.pkl")
    content = tiny_flame()
    with pytest.raises(ModelError, match="no array 'shapedirs'"):
        read_flame(save(tmp_path, ".npz", {"v_template": TETRAHEDRON}))
    with pytest.raises(ModelError, match=r"'shapedirs'.*\(4, 3, 10\), expected \(4, 3, 400\)"):
        read_flame(save(tmp_path, ".npz", content | {"shapedirs": np.zeros((4, 3, 10))}))
    with pytest.raises(ModelError, match="names vertices 0 to 4"):
        read_flame(save(tmp_path, ".npz", content | {"f": np.array([[0, 1, 4]])}))
    with pytest.raises(ModelError, match="not finite"):
        read_flame(save(tmp_path, ".npz", content | {"v_template": TETRAHEDRON * np.nan}))


def test_other_kinds_of_file_are_refused(tmp_path):
    for name, message in (
        ("model.obj", "neither"),
        ("model.npz", "no .npz archive"),
        ("model.pkl", "pickle"),
    ):
        path = tmp_path / name
        path.write_text("not a model")
        with pytest.raises(ModelError, match=message):
            read_flame(path)


def test_a_download_cut_short_is_refused(tmp_path):
    path = save(tmp_path, ".npz", tiny_flame())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ModelError, match="cut short"):
        read_flame(path)


def test_an_npz_with_pickled_objects_is_read_without_them(tmp_path):
    extra = np.array([{"a": 1}], dtype=object)
    model = read_flame(save(tmp_path, ".npz", tiny_flame() | {"landmarks": extra}))
    assert len(model.neutral_model) == 4
