import copy
import pickle
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

import discs
from discs import disc_aligner, picture_of
from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.detect import DetectorOptions
from lineament.errors import ConfigError, WeightsError
from lineament.image import read_image
from lineament.methods import regressor
from lineament.weights import find
from shared import ROOT
from tests.aligner.setups import DISCS, FixedDetector, boxes_around

HOPPER = ROOT / "demo" / "photos" / "hopper.jpg"


def test_a_path_of_weights_becomes_an_aligner(disc_graph, tiny_model, photo, monkeypatch):
    monkeypatch.setattr(regressor, "load_model", {"tiny": tiny_model}.__getitem__)
    detector = FixedDetector(boxes_around(DISCS))
    aligner = FaceAligner.from_pretrained(disc_graph, detector=detector, threads=1)
    assert len(aligner(photo)) == 2
    assert aligner.detector is detector
    assert "disc.onnx" in repr(aligner)


def test_weights_of_an_unknown_method_say_so(disc_graph, tmp_path):
    import onnx

    path = tmp_path / "new.onnx"
    shutil.copy(disc_graph, path)
    graph = onnx.load(path)
    onnx.helper.set_model_props(graph, {"method": "telepathy"})
    onnx.save(graph, path)
    with pytest.raises(WeightsError, match=r"telepathy.*morphable-regressor"):
        FaceAligner.from_pretrained(path)


def options_of(name):
    """How hard the detector of weights looks, as they state it."""
    return DetectorOptions.from_table(Bundle.open(name).manifest.detector.options)


@pytest.mark.parametrize("name", ["default", "fast", "open"])
def test_a_path_to_weights_behaves_as_their_name_does(name, tmp_path):
    path = tmp_path / "copy.lineament"
    shutil.copy(find(name).path, path)
    named, by_path = FaceAligner.from_pretrained(name), FaceAligner.from_pretrained(path)
    for aligner in (by_path, FaceAligner.from_pretrained(find(name).name)):
        assert aligner.detector.options == named.detector.options == options_of(name)
        assert aligner.max_uncertainty_mm == named.max_uncertainty_mm
        assert repr(aligner.detector) == repr(named.detector)
        assert aligner.method.network._options == named.method.network._options
    photo = read_image(HOPPER)
    for face, same in zip(named(photo), by_path(photo), strict=True):
        np.testing.assert_array_equal(face.vertices_image, same.vertices_image)


def test_the_weights_state_how_thoroughly_to_search_and_whom_to_believe():
    assert options_of("default") == DetectorOptions(min_score=0.35)
    assert options_of("fast") == DetectorOptions(first_side=224, min_score=0.35)
    assert options_of("open") == DetectorOptions(min_score=0.35)
    limits = [FaceAligner.from_pretrained(name).max_uncertainty_mm for name in ("default", "fast", "open")]
    assert limits == [12.0, 12.0, 12.0]
    assert FaceAligner.from_pretrained("fast").method.network._options[0] == 1


def test_options_of_a_detector_that_nobody_knows_are_refused(disc_graph, tmp_path):
    for options in ({"zeal": 3}, {"min_score": "0.5"}, {"doubtful": 0.3}, {"min_score": [0.1, 0.2]}):
        with pytest.raises(ConfigError, match=next(iter(options))):
            DetectorOptions.from_table(options)


def test_weights_without_a_detector_need_boxes(disc_graph, tmp_path, tiny_model, monkeypatch, photo):
    monkeypatch.setattr(regressor, "load_model", {"tiny": tiny_model}.__getitem__)
    plain = Bundle.open(disc_graph)
    manifest = replace(plain.manifest, detector=None)
    path = Bundle.write(tmp_path / "boxes.lineament", manifest, graphs={"network": plain.graph()})
    aligner = FaceAligner.from_pretrained(path)
    assert len(aligner(photo, boxes=boxes_around(DISCS))) == 2
    with pytest.raises(ConfigError, match="no detector"):
        aligner(photo)


@pytest.mark.parametrize("name", ["open", "lfm-regressor-open"])
def test_behind_the_open_weights_is_a_detector_that_saw_no_research_photographs_either(name):
    aligner = FaceAligner.from_pretrained(name)
    bundles = [Bundle.open(name), Bundle.open(Bundle.open(name).manifest.detector.weights)]
    assert repr(bundles[1].path.name) in repr(aligner.detector)
    for manifest in (bundle.manifest for bundle in bundles):
        assert "Congress" in manifest.data or "congress" in manifest.data
        assert not re.search("ytf|lfw|YouTube|LFW|BSDS|research", f"{manifest.data} {manifest.licence}")
        assert not manifest.research
    (face,) = aligner(read_image(HOPPER))
    assert face.uncertainty_mm < 3


def test_the_fast_aligner_is_a_smaller_network_behind_a_quicker_pass():
    fast, default = (Bundle.open(name) for name in ("fast", "default"))
    assert len(fast.graph()) < 0.5 * len(default.graph())
    assert options_of("fast").first_side < options_of("default").first_side


def test_limits_of_what_is_reported_are_options(photo):
    aligner = FaceAligner.from_pretrained("fast", min_face=30, min_score=0.6, max_uncertainty_mm=3.0)
    assert (aligner.detector.options.min_face, aligner.detector.options.min_score) == (30, 0.6)
    assert aligner.max_uncertainty_mm == 3.0
    for options in ({"min_face": 1}, {"min_score": 2}, {"max_uncertainty_mm": 0}, {"passes": 10**6}):
        with pytest.raises(ConfigError, match="must"):
            FaceAligner.from_pretrained("fast", **options)
    with pytest.raises(ConfigError, match="at most 1024"):
        FaceAligner.from_pretrained("fast", threads=100_000)


def test_a_name_of_weights_instead_of_a_method_says_what_to_call():
    with pytest.raises(ConfigError, match=r"from_pretrained\('fast'\)"):
        FaceAligner("fast")


def twins(aligner):
    """What arrives when an aligner is pickled, and its deep copy."""
    pickled = pickle.dumps(aligner)
    assert len(pickled) < 2000
    return pickle.loads(pickled), copy.deepcopy(aligner)


def test_an_aligner_travels_as_its_recipe():
    aligner = FaceAligner.from_pretrained("fast", threads=2, passes=1)
    aligner.max_uncertainty_mm = 5.0
    photo = read_image(HOPPER)
    for twin in twins(aligner):
        assert (twin.passes, twin.max_uncertainty_mm, repr(twin)) == (1, 5.0, repr(aligner))
        assert twin.method is not aligner.method
        assert twin.method.network._options == (2, "cpu")
        (face,), (same,) = aligner(photo), twin(photo)
        np.testing.assert_array_equal(face.vertices_image, same.vertices_image)
        twins(twin)  # and from there to the next


def test_a_shallow_copy_shares_the_networks():
    aligner = FaceAligner.from_pretrained("fast")
    assert copy.copy(aligner).method is aligner.method


def test_an_aligner_of_a_file_travels_with_the_files_place_and_checksum(tmp_path, monkeypatch):
    path = tmp_path / "mine.lineament"
    shutil.copy(find("fast").path, path)
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps(FaceAligner.from_pretrained("mine.lineament"))
    monkeypatch.chdir("/")
    pickle.loads(pickled)
    bundle = Bundle.open(path)
    Bundle.write(path, replace(bundle.manifest, data="else"), graphs={"network": bundle.graph()})
    with pytest.raises(WeightsError, match=r"mine\.lineament.*differ here"):
        pickle.loads(pickled)
    path.unlink()
    with pytest.raises(WeightsError, match="no weights at"):
        pickle.loads(pickled)


def test_a_detector_of_the_callers_own_goes_along_if_it_can(photo):
    aligner = FaceAligner.from_pretrained("fast", detector=FixedDetector([[1, 2, 30, 40]]))
    aligner.detector.boxes.append([5, 5, 50, 50])
    for twin in (copy.deepcopy(aligner), FaceAligner.from_pretrained("fast")):
        assert twin.detector is not aligner.detector
    assert copy.deepcopy(aligner).detector.boxes == aligner.detector.boxes
    aligner.detector.connection = lambda: None
    with pytest.raises(ConfigError, match="The detector of this aligner, FixedDetector, cannot be pickled"):
        pickle.dumps(aligner)
    aligner.detector = discs.Discs()
    assert pickle.loads(pickle.dumps(aligner)).detector.calls == 0


def test_a_method_of_the_callers_own_goes_along_if_it_can():
    aligner = disc_aligner()
    assert len(pickle.loads(pickle.dumps(aligner))(picture_of(red=(50, 100)))) == 1
    aligner.method.hook = lambda: None
    with pytest.raises(ConfigError, match="The method of this aligner, Discs, cannot be pickled"):
        pickle.dumps(aligner)


def test_weights_name_who_looks_first_and_it_travels_along():
    aligner = FaceAligner.from_pretrained("default", threads=1)
    twin, deep = pickle.loads(pickle.dumps(aligner)), copy.deepcopy(aligner)
    for each in (aligner, twin, deep):
        assert each.first_look.network.path.name == "lfm_regressor_fast.lineament"
    assert deep.first_look is not aligner.first_look
    assert FaceAligner.from_pretrained("fast").first_look is None


def test_a_method_that_was_exchanged_is_what_travels():
    aligner = FaceAligner.from_pretrained("fast")
    aligner.method = discs.Discs()
    assert isinstance(pickle.loads(pickle.dumps(aligner)).method, discs.Discs)
