import importlib.util
import shutil
from pathlib import Path

import pytest

from lineament import weights

TOOL = Path(__file__).parents[2] / "tools" / "update_weights_catalogue.py"


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """The tool as a module, writing into an empty folder."""
    monkeypatch.syspath_prepend(TOOL.parent)
    spec = importlib.util.spec_from_file_location("update_weights_catalogue", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ASSETS", tmp_path)
    monkeypatch.setattr(module, "CATALOGUE", tmp_path / "catalogue.json")
    return module


def test_the_catalogue_describes_the_files_that_are_there(tool, disc_graph, tmp_path, monkeypatch):
    shutil.copy(disc_graph, tmp_path / "lfm_regressor.onnx")
    tool.main()
    monkeypatch.setattr(weights, "ASSETS", tmp_path)
    entries = weights.catalogue(tmp_path / "catalogue.json")
    assert list(entries) == ["lfm-regressor"]
    entry = entries["lfm-regressor"]
    assert entry.path == tmp_path / "lfm_regressor.onnx"
    assert entry.sha256 == weights.sha256_of(disc_graph)
    assert (entry.licence, entry.trained_on, entry.method) == ("Apache-2.0", "nothing", "morphable-regressor")


def test_missing_metadata_is_reported(tool, make_graph, tmp_path, capsys):
    from onnx import TensorProto

    ends = {"x": (TensorProto.FLOAT, ["n"])}, {"y": (TensorProto.FLOAT, ["n"])}
    shutil.copy(make_graph([("Neg", ["x"], ["y"], {})], *ends, {}, name="bare.onnx"), tmp_path)
    tool.main()
    assert "bare.onnx: no licence and trained_on" in capsys.readouterr().err
