import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

from lineament.crop import CropBox
from lineament.errors import ModelError
from lineament.geometry.camera import WeakPerspective
from lineament.models import load_model, travelling
from lineament.result import Detection, FreeFormResult, MorphableResult
from shared import ROOT


@pytest.fixture(scope="module")
def model():
    return load_model("lfm")


@pytest.fixture
def face(model):
    camera = WeakPerspective(np.eye(3, dtype=np.float32), 2.0, np.array([100.0, 90.0, 0.0]))
    numbers = np.random.default_rng(0)
    return MorphableResult.from_coefficients(
        model,
        numbers.normal(size=100).astype(np.float32),
        numbers.uniform(size=53).astype(np.float32),
        camera=camera,
        crop_box=CropBox(center_xy=(100.0, 90.0), side=300.0, size=112),
        detection=Detection(np.float32([0, 0, 200, 180]), 0.9),
        uncertainty_mm=1.0,
    )


def test_a_result_takes_at_most_250_kb(face):
    assert face.visibility.max() == 1  # found, and yet it does not travel
    assert len(pickle.dumps(face)) < 250_000


@pytest.mark.parametrize("through", [copy.deepcopy, copy.copy, lambda face: pickle.loads(pickle.dumps(face))])
def test_what_comes_back_is_the_same_face_of_the_same_model(face, through):
    again = through(face)
    assert type(again) is MorphableResult
    # The same object, unless other tests have loaded the model anew.
    assert travelling.checksum_of(again.model) == travelling.checksum_of(face.model)
    assert again.mesh is again.model.mesh
    np.testing.assert_array_equal(again.vertices_image, face.vertices_image)
    np.testing.assert_array_equal(again.visibility, face.visibility)
    assert again.blendshapes == face.blendshapes


def test_a_deep_copy_shares_no_array_of_the_face_itself(face):
    again = copy.deepcopy(face)
    again.vertices_image[:] = 0
    assert face.vertices_image.any()


def test_a_free_form_face_travels_too(face):
    fields = {name: getattr(face, name) for name in MorphableResult.__dataclass_fields__ if name[0] != "_"}
    sent = pickle.dumps(FreeFormResult(**fields, fit_residual_mm=0.5))
    assert len(sent) < 250_000
    assert pickle.loads(sent).fit_residual_mm == 0.5


ARRIVE = """
import pickle, sys
faces = [pickle.load(open(sys.argv[1], "rb")) for _ in range(2)]
assert faces[0].model is faces[1].model and faces[0].mesh is faces[0].model.mesh
print(len(faces[0].model.neutral_model), round(float(faces[0].landmarks("lfm-68").sum()), 2))
"""


def test_another_process_loads_the_model_once(face, tmp_path):
    (tmp_path / "face.pickle").write_bytes(pickle.dumps(face))
    done = subprocess.run(
        [sys.executable, "-c", ARRIVE, str(tmp_path / "face.pickle")],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["9163", str(round(float(face.landmarks("lfm-68").sum()), 2))]


def test_a_model_that_differs_where_it_arrives_is_named(face, model, tiny_model, monkeypatch):
    travelling.arrived_model.cache_clear()
    sent = pickle.dumps(face)
    monkeypatch.setattr(travelling, "_here", {})
    monkeypatch.setattr("lineament.models.loading._loaded", {})
    monkeypatch.setattr("lineament.models.loading.load_builtin", lambda: tiny_model)
    with pytest.raises(ModelError, match=r"'lfm' of this installation is not the one .*found"):
        pickle.loads(sent)


def test_a_model_made_by_hand_travels_whole(tiny_model):
    again = pickle.loads(pickle.dumps(tiny_model))
    zero = np.zeros(4, np.float32), np.zeros(3, np.float32)
    np.testing.assert_array_equal(again.vertices_model(*zero), tiny_model.vertices_model(*zero))
    assert travelling.checksum_of(again) == travelling.checksum_of(tiny_model)
    assert again.mesh.schemes.keys() == tiny_model.schemes.keys()


def test_the_checksum_knows_every_part(tiny_model):
    from dataclasses import replace

    changed = [
        replace(tiny_model, name="other"),
        replace(tiny_model, schemes={}),
        replace(tiny_model, neutral_model=tiny_model.neutral_model + 1),
        replace(tiny_model, triangles=tiny_model.triangles[::-1]),
    ]
    assert len({travelling.checksum_of(model) for model in (tiny_model, *changed)}) == 5
