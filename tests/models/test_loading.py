"""Each kind of file finds its reader."""

import gc
from weakref import WeakValueDictionary, ref

import numpy as np
import pytest

from lineament.errors import ModelError
from lineament.models import loading


@pytest.fixture(autouse=True)
def readers_that_say_their_names(monkeypatch):
    """What is tested here is the choice; the readers have tests of their own."""
    for name in ("read_ict", "read_flame", "read_bfm2009", "load_builtin"):
        monkeypatch.setattr(loading, name, lambda *path, name=name: name)
    by_suffix = {
        suffix: lambda path, name=r.__name__: name for suffix, r in loading._READER_OF_SUFFIX.items()
    }
    monkeypatch.setattr(loading, "_READER_OF_SUFFIX", by_suffix)
    monkeypatch.setattr(loading, "travels_as", lambda model, name, load: model)
    monkeypatch.setattr(loading, "_loaded", {})


@pytest.mark.parametrize(
    ("name", "reader"),
    [("BFM.mat", "read_bfm2009"), ("model2017.H5", "read_bfm_h5"), ("generic_model.pkl", "read_flame")],
)
def test_files_are_told_by_their_ending(tmp_path, name, reader):
    (tmp_path / name).touch()
    assert loading.load_model(tmp_path / name) == reader


def test_npz_files_are_told_by_their_arrays(tmp_path):
    path = tmp_path / "model.npz"
    np.savez(path, v_template=np.zeros(3))
    assert loading.load_model(path) == "read_flame"
    np.savez(path, neutral=np.zeros(3))
    assert loading.load_model(str(path)) == "read_ict"
    path.write_bytes(b"cut")
    assert loading.load_model(path) == "read_ict"


def test_folders_are_told_by_what_lies_in_them(tmp_path):
    assert loading.load_model(tmp_path) == "read_bfm2009"
    (tmp_path / "identity000.obj").touch()
    assert loading.load_model(tmp_path) == "read_ict"


def test_lfm_is_the_built_in_one():
    assert loading.load_model("lfm") == "load_builtin"


def test_all_who_have_the_built_in_model_share_it_and_nobody_keeps_it_loaded(monkeypatch):
    class Model:
        """Stands for one: text has no weak references."""

    monkeypatch.setattr(loading, "_loaded", WeakValueDictionary())
    monkeypatch.setattr(loading, "load_builtin", Model)
    first = loading.load_model("lfm")
    assert loading.load_model("lfm") is first
    gone = ref(first)
    del first
    gc.collect()
    assert gone() is None
    assert isinstance(loading.load_model("lfm"), Model)


def test_what_is_missing_or_unknown_says_what_is_known(tmp_path):
    with pytest.raises(ModelError, match="lfn does not exist"):
        loading.load_model("lfn")
    (tmp_path / "model.blend").touch()
    with pytest.raises(ModelError, match=r"known are \.npz"):
        loading.load_model(tmp_path / "model.blend")
