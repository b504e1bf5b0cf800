import shutil

import pytest
from onnx import TensorProto

from lineament import weights
from lineament.bundle import Bundle, DetectorSpec
from shared import ROOT
from tools import update_weights_catalogue as tool


@pytest.fixture
def packed(disc_graph, tmp_path):
    """A folder with the disc network under a name that the table knows, packed."""
    shutil.copy(disc_graph, tmp_path / "lfm_regressor_fast.onnx")
    tool.update(tmp_path)
    return tmp_path


def test_a_graph_is_packed_byte_by_byte_and_listed(packed, disc_graph):
    assert sorted(path.name for path in packed.iterdir()) == ["index.json", "lfm_regressor_fast.lineament"]
    package = weights.read_index(packed, package="p", version="1")
    assert package.aliases == {"fast": "lfm-regressor-fast"}
    entry = package.find("fast")
    weights.check_file(entry, whole=True)
    assert (entry.licence, entry.data, entry.method) == ("Apache-2.0", "nothing", "morphable-regressor")
    assert Bundle.open(entry.path).graph() == disc_graph.read_bytes()


def test_what_a_graph_does_not_say_comes_from_the_table(packed):
    manifest = Bundle.open(packed / "lfm_regressor_fast.lineament").manifest
    assert (manifest.name, manifest.threads, manifest.max_uncertainty_mm) == ("lfm-regressor-fast", 1, 12.0)
    assert manifest.detector == DetectorSpec("face-detector", {"first_side": 224, "min_score": 0.35})


def test_a_second_run_changes_nothing(packed):
    before = {path.name: path.read_bytes() for path in packed.iterdir()}
    tool.update(packed)
    assert {path.name: path.read_bytes() for path in packed.iterdir()} == before


def test_bundles_that_are_there_take_what_the_table_says_by_now(packed, monkeypatch):
    path = packed / "lfm_regressor_fast.lineament"
    graph, before = Bundle.open(path).graph(), Bundle.open(path).sha256
    changed = tool.SETTINGS["lfm-regressor-fast"] | {
        "detector": DetectorSpec("face-detector", {"min_score": 0.6})
    }
    monkeypatch.setitem(tool.SETTINGS, "lfm-regressor-fast", changed)
    tool.update(packed)
    assert Bundle.open(path).sha256 == before
    tool.update(packed, restated=True)
    assert Bundle.open(path).manifest.detector.options == {"min_score": 0.6}
    assert Bundle.open(path).graph() == graph
    weights.check_file(weights.read_index(packed, package="p", version="1").find("fast"), whole=True)


def test_a_folder_without_weights_has_an_index_all_the_same(tmp_path):
    tool.update(tmp_path)
    assert weights.read_index(tmp_path, package="p", version="1").entries == {}


def test_what_is_not_stated_is_reported(make_graph, tmp_path, capsys):
    ends = {"x": (TensorProto.FLOAT, ["n"])}, {"y": (TensorProto.FLOAT, ["n"])}
    shutil.copy(make_graph([("Neg", ["x"], ["y"], {})], *ends, {}, name="bare.onnx"), tmp_path)
    tool.update(tmp_path)
    said = capsys.readouterr().err
    assert "bare.lineament: its licence is not stated" in said
    assert "bare.lineament: its data is not stated" in said


def test_the_shipped_bundles_have_the_settings_of_the_table():
    folders = (weights.ASSETS, ROOT / "papers" / "src" / "lineament_papers")
    bundles = [Bundle.open(path) for folder in folders for path in folder.glob(f"*{weights.SUFFIXES[0]}")]
    manifests = {bundle.manifest.name: bundle.manifest for bundle in bundles}
    for name, settings in tool.SETTINGS.items():
        assert {key: getattr(manifests[name], key) for key in settings} == settings
    for name in tool.OPEN_METHODS:
        assert not manifests[name].research
        assert not manifests[manifests[name].close_ups].research
