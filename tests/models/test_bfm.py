"""The Basel models in their true formats, made small: Matlab 5 and 7.3, statismo's HDF5."""

import json
import sys

import h5py
import numpy as np
import pytest
import scipy.io

from lineament.errors import ModelError
from lineament.models.bfm import (
    bfm_landmark_names,
    read_bfm2009,
    read_bfm_h5,
    standard_deviations_2009,
)

RNG = np.random.default_rng(0)
COUNT = 70
# A bowl open to the back, as a face is: a fan of triangles about its foremost vertex.
TURN = np.linspace(0, 2 * np.pi, COUNT - 1, endpoint=False)
MEAN = np.concatenate(
    [[[0, 0, 60e3]], np.stack([50e3 * np.cos(TURN), 50e3 * np.sin(TURN), 0 * TURN], -1)]
)  # µm
RING = np.arange(1, COUNT)
OUTWARD = np.stack([np.zeros(COUNT - 1, int), RING, np.roll(RING, -1)], axis=1)
MOUTH = np.array([[1, 2, 3]])
MEAN_EXPRESSION = np.tile([0, -7e3, 0.0], (COUNT, 1))
KEYPOINTS = RNG.integers(0, COUNT, 68)
IDENTITY = RNG.normal(size=(3 * COUNT, 4))
EXPRESSION = RNG.normal(size=(3 * COUNT, 2)) * 1e4
DEVIATION, EXPRESSION_DEVIATION = np.array([[9e5], [5e5], [3e5], [1e5]]), np.array([[1.5], [0.5]])


def kit():
    """The two files of the 300W-LP kit; its triangles run clockwise, and all counts begin at one."""
    shape = {
        "mu_shape": MEAN.reshape(-1, 1),
        "w": IDENTITY,
        "sigma": DEVIATION,
        "tri": (OUTWARD[:, ::-1].T + 1).astype(np.float64),
        "keypoints": KEYPOINTS[None] + 1,
    }
    expression = {
        "mu_exp": MEAN_EXPRESSION.reshape(-1, 1),
        "w_exp": EXPRESSION,
        "sigma_exp": EXPRESSION_DEVIATION,
    }
    return shape, expression


def merged():
    shape, expression = kit()
    return {
        "shapeMU": shape["mu_shape"],
        "shapePC": shape["w"],
        "shapeEV": shape["sigma"],
        "expMU": expression["mu_exp"],
        "expPC": expression["w_exp"],
        "expEV": expression["sigma_exp"],
        "tri": shape["tri"],
        "tri_mouth": (MOUTH[:, ::-1].T + 1).astype(np.float64),
        "kpt_ind": shape["keypoints"],
    }


def save_73(path, arrays):
    """Matlab 7.3: HDF5 behind 512 bytes of Matlab's own, axes reversed."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for key, array in arrays.items():
            file[key] = np.asarray(array).T
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512))


@pytest.fixture
def folder(tmp_path):
    shape, expression = kit()
    scipy.io.savemat(tmp_path / "Model_Shape.mat", shape)
    scipy.io.savemat(tmp_path / "Model_Exp.mat", expression, do_compression=True)
    return tmp_path


def save_h5(path, **changes):
    content = {
        "shape/model/mean": MEAN.ravel() / 1e3,
        "shape/model/pcaBasis": IDENTITY,
        "shape/model/pcaVariance": np.array([100.0, 64, 9, 1]),
        "shape/representer/points": MEAN.T / 1e3,
        "shape/representer/cells": OUTWARD.T,
        "expression/model/mean": MEAN_EXPRESSION.ravel() / 1e3,
        "expression/model/pcaBasis": EXPRESSION,
        "expression/model/pcaVariance": np.array([4.0, 1]),
        "color/model/mean": np.zeros(3 * COUNT),
        "metadata/landmarks/json": json.dumps(
            [
                {"id": "center.nose.tip", "coordinates": [0.1, 0.2, 59]},
                {"id": "right", "coordinates": [50, 0.3, 1]},
            ]
        ),
    } | changes
    with h5py.File(path, "w") as file:
        for key, value in content.items():
            if value is not None:
                file[key] = value
    return path


def test_the_mean_face_holds_both_means_in_millimetres(folder):
    model = read_bfm2009(folder)
    np.testing.assert_allclose(model.neutral_model, (MEAN + MEAN_EXPRESSION) / 1e3, rtol=1e-6)


def test_raw_coefficients_over_their_deviations_give_300w_lp_faces(folder):
    model, deviations = read_bfm2009(folder), standard_deviations_2009(folder)
    shape_para, exp_para = RNG.normal(size=4) * 1e5, RNG.normal(size=2)
    expected = MEAN.ravel() + MEAN_EXPRESSION.ravel() + IDENTITY @ shape_para + EXPRESSION @ exp_para
    found = model.vertices_model(shape_para / deviations.identity, exp_para / deviations.expression)
    np.testing.assert_allclose(found, expected.reshape(-1, 3) / 1e3, atol=1e-2)


def test_triangles_count_from_zero_and_face_outward(folder):
    assert {tuple(sorted(t)) for t in read_bfm2009(folder).triangles} == {tuple(sorted(t)) for t in OUTWARD}
    a, b, c = (read_bfm2009(folder).neutral_model[corner] for corner in read_bfm2009(folder).triangles.T)
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()


def test_keypoints_are_the_300w_lp_scheme(folder):
    model = read_bfm2009(folder)
    np.testing.assert_array_equal(model.schemes["300w-lp"].vertex_index[:, 0], KEYPOINTS)
    landmarks = model.landmarks_model(np.ones(4), np.ones(2), scheme="300w-lp")
    expected = model.vertices_model(np.ones(4), np.ones(2))[KEYPOINTS]
    np.testing.assert_allclose(landmarks, expected, rtol=1e-4, atol=1e-2)


def test_one_file_of_the_pair_leads_to_the_other(folder):
    np.testing.assert_array_equal(
        read_bfm2009(folder / "Model_Shape.mat").neutral_model, read_bfm2009(folder).neutral_model
    )


@pytest.mark.parametrize("version", ["5", "7.3", "flat"])
def test_the_merged_file_is_the_same_model_with_a_mouth(tmp_path, folder, version):
    path = tmp_path / "BFM.mat"
    if version == "7.3":
        save_73(path, {f"model/{key}": array for key, array in merged().items()})
    else:
        scipy.io.savemat(path, {"model": merged()} if version == "5" else merged())
    model, other = read_bfm2009(path), read_bfm2009(folder / "Model_Exp.mat")
    np.testing.assert_array_equal(model.neutral_model, other.neutral_model)
    np.testing.assert_array_equal(model.identity_basis, other.identity_basis)
    np.testing.assert_array_equal(model.expression_basis, other.expression_basis)
    np.testing.assert_array_equal(model.triangles[: len(OUTWARD)], other.triangles)
    assert {tuple(sorted(t)) for t in model.triangles[len(OUTWARD) :]} == {(1, 2, 3)}
    assert model.parts == {"face": (0, 69), "mouth": (69, 70)}


def test_the_pair_of_matlab_73_files_is_read_too(tmp_path, folder):
    other = tmp_path / "newer"
    other.mkdir()
    for name, arrays in zip(("Model_Shape.mat", "Model_Exp.mat"), kit()):
        save_73(other / name, arrays)
    np.testing.assert_array_equal(read_bfm2009(other).identity_basis, read_bfm2009(folder).identity_basis)


def test_basel_2017_has_unit_deviations_and_both_means(tmp_path):
    model = read_bfm_h5(save_h5(tmp_path / "model2017.h5"))
    assert model.name == "model2017"
    np.testing.assert_allclose(model.neutral_model, (MEAN + MEAN_EXPRESSION) / 1e3, rtol=1e-6)
    np.testing.assert_allclose(model.identity_basis[1].ravel(), IDENTITY[:, 1] * 8, rtol=1e-6)
    np.testing.assert_allclose(model.expression_basis[0].ravel(), EXPRESSION[:, 0] * 2, rtol=1e-6)
    np.testing.assert_array_equal(model.triangles, OUTWARD)


def test_its_named_landmarks_are_the_nearest_vertices(tmp_path):
    path = save_h5(tmp_path / "model2019.h5")
    np.testing.assert_array_equal(read_bfm_h5(path).schemes["bfm-landmarks"].vertex_index[:, 0], [0, 1])
    assert bfm_landmark_names(path) == ("center.nose.tip", "right")
    bare = save_h5(tmp_path / "bare.h5", **{"metadata/landmarks/json": None})
    assert read_bfm_h5(bare).schemes == {}
    assert bfm_landmark_names(bare) == ()


def test_what_is_missing_or_wrong_is_named(tmp_path, folder):
    path = tmp_path / "BFM.mat"
    for changes, message in (
        ({"shapePC": IDENTITY[:-1]}, r"'shapePC'.*expected \(210, 4\)"),
        ({"kpt_ind": KEYPOINTS[None] * 0}, "names vertices 0 to 0, but the model has vertices 1 to 70"),
        ({"shapeMU": np.zeros((4, 1))}, "no multiple of three"),
        ({"tri": np.array(["words"])}, "should hold numbers"),
    ):
        scipy.io.savemat(path, {"model": merged() | changes})
        with pytest.raises(ModelError, match=message):
            read_bfm2009(path)
    path.unlink()
    (folder / "Model_Exp.mat").unlink()
    with pytest.raises(ModelError, match=r"lacks Model_Exp\.mat"):
        read_bfm2009(folder)
    with pytest.raises(ModelError, match="no array 'expression/model/mean'"):
        read_bfm_h5(save_h5(tmp_path / "part.h5", **{"expression/model/mean": None}))
    with pytest.raises(ModelError, match="no list of landmarks"):
        read_bfm_h5(save_h5(tmp_path / "part.h5", **{"metadata/landmarks/json": "[1, 2]"}))


def test_files_of_another_kind_are_refused(tmp_path):
    for name, reader in (("BFM.mat", read_bfm2009), ("model.h5", read_bfm_h5)):
        for content in (b"", b"not a model", b"MATLAB 7.3 MAT-file", b"\0" * 600):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(ModelError, match=name.replace(".", r"\.")):
                reader(tmp_path / name)


def test_a_missing_library_names_the_extra(tmp_path, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(ModelError, match=r"lineament\[models\]"):
        read_bfm2009(folder)
    path = save_h5(tmp_path / "model.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ModelError, match="h5py, which is not installed"):
        read_bfm_h5(path)


def test_the_chart_beside_the_model_is_read_with_texels_where_published_maps_have_them(tmp_path):
    scipy.io.savemat(tmp_path / "BFM.mat", {"model": merged()})
    assert read_bfm2009(tmp_path).uv is None
    uv = np.random.default_rng(0).uniform(size=(COUNT, 2))
    uv[:2] = [[0, 1], [1, 0]]  # first column and row; last column and row
    scipy.io.savemat(tmp_path / "BFM_UV.mat", {"UV": uv})
    found = read_bfm2009(tmp_path).uv
    np.testing.assert_allclose(found[:2] * 256, [[0.5, 0.5], [255.5, 255.5]])
    np.testing.assert_allclose(found[:, 0] * 256, 255 * uv[:, 0] + 0.5)
    np.testing.assert_allclose(found[:, 1] * 256, 255 - 255 * uv[:, 1] + 0.5)
    scipy.io.savemat(tmp_path / "BFM_UV.mat", {"UV": uv[1:]})
    with pytest.raises(ModelError, match="UV"):
        read_bfm2009(tmp_path)
