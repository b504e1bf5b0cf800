"""A pickle is read for its arrays and never run."""

import contextlib
import os
import pickle
import sys
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from lineament.errors import ModelError
from lineament.models.pickles import read_pickled_arrays

ARRAYS = {
    "doubles": np.arange(6.0).reshape(2, 3),
    "columns_first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "floats": np.arange(3, dtype=np.float32),
    "big_endian": np.arange(3, dtype=">f8"),
    "unsigned": np.arange(4, dtype=np.uint32),
    "negative": np.array([-1, -200], dtype=np.int64),
    "one": np.array([2.5]),
}


class Bomb:
    """Pickles into a call of a function of the system."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def written(tmp_path, content, protocol=2):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


@pytest.fixture
def chumpy(monkeypatch):
    """A module that pickles as chumpy's variables do: a state with the value in x."""
    package, module = types.ModuleType("chumpy"), types.ModuleType("chumpy.ch")
    ch = type("Ch", (), {"__module__": "chumpy.ch"})
    ch.__reduce__ = lambda self: (sys.modules["copyreg"]._reconstructor, (ch, object, None), self.__dict__)
    module.Ch = ch
    monkeypatch.setitem(sys.modules, "chumpy", package)
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)
    return ch


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_come_back_as_they_were_in_every_protocol(tmp_path, protocol):
    found = read_pickled_arrays(written(tmp_path, ARRAYS, protocol))
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype.newbyteorder("=")


def test_python_2_wrote_bytes_as_text(tmp_path):
    # What Python 2.7 writes for {"a": numpy.array([1.5, -2.0])} with protocol 2.
    raw = np.array([1.5, -2.0]).tobytes()
    program = (
        b"\x80\x02}U\x01acnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
        b"K\x00tb\x89U" + bytes([len(raw)]) + raw + b"tbs."
    )
    path = tmp_path / "model.pkl"
    path.write_bytes(program)
    np.testing.assert_array_equal(read_pickled_arrays(path)["a"], [1.5, -2.0])


def test_chumpy_variables_give_their_values_and_sparse_matrices_are_left_out(tmp_path, chumpy):
    variable = chumpy()
    variable.__dict__.update({"x": ARRAYS["doubles"], "_dirty_vars": set(), "_itr": None})
    regressor = sparse.csc_matrix(np.eye(3))
    found = read_pickled_arrays(
        written(tmp_path, {"shapedirs": variable, "J_regressor": regressor, "bs_type": "lrotmin"})
    )
    assert list(found) == ["shapedirs"]
    np.testing.assert_array_equal(found["shapedirs"], ARRAYS["doubles"])


def test_arrays_of_objects_are_left_out(tmp_path):
    assert read_pickled_arrays(written(tmp_path, {"names": np.array(["a", None], dtype=object)})) == {}


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    ("function", "name"),
    [
        (os.system, "posix.system"),
        (eval, "eval"),
        (exec, "exec"),
        (getattr, "getattr"),
        (np.load, "numpy.load"),
    ],
)
def test_a_pickle_that_wants_to_run_something_is_refused_by_name(tmp_path, function, name, protocol):
    touched = tmp_path / "touched"
    path = written(tmp_path, {"v_template": Bomb(function, f"touch {touched}")}, protocol)
    with pytest.raises(ModelError, match="refused") as error:
        read_pickled_arrays(path)
    assert name.split(".")[-1] in str(error.value)
    assert not touched.exists()


def test_dotted_names_do_not_reach_through_an_allowed_module(tmp_path):
    # STACK_GLOBAL can ask for attributes of attributes; all of chumpy is one inert class, numpy is not open.
    for module, name in (("numpy", "ndarray.__class__"), ("builtins", "object.__subclasses__")):
        program = b"\x80\x04\x8c" + bytes([len(module)]) + module.encode()
        program += b"\x8c" + bytes([len(name)]) + name.encode() + b"\x93."
        path = tmp_path / "model.pkl"
        path.write_bytes(program)
        with pytest.raises(ModelError, match="refused"):
            read_pickled_arrays(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\x80\x02}", b"\x80\x05N.", b"\x80\x02cnumpy\ndtype\n.", b"(lp0\n.", b"\x80\x04\x95"],
)
def test_what_is_no_pickled_dictionary_is_refused(tmp_path, content):
    path = tmp_path / "model.pkl"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.pkl"):
        read_pickled_arrays(path)


def test_any_cut_or_garbled_file_is_a_model_error(tmp_path):
    whole = pickle.dumps(ARRAYS, protocol=2)
    path = tmp_path / "model.pkl"
    rng = np.random.default_rng(0)
    for _ in range(300):
        garbled = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        garbled[rng.integers(len(garbled))] = rng.integers(256)
        path.write_bytes(garbled)
        try:
            read_pickled_arrays(path)
        except ModelError:
            continue


CRAFTED = {
    "a key whose hash never ends": b"\x80\x02K\x01K\x01\x86" + b"2\x86" * 40 + b"}q\x00h\x00" + b"N.",
    "tuples of themselves as a key": b"\x80\x02}K\x01" + b"q\x01h\x01\x86" * 60 + b"Ns.",
    "a memo of four thousand million places": b"\x80\x02}r\xff\xff\xff\x7f.",
    "a text of as many bytes": b"\x80\x02X\xff\xff\xff\xff.",
    "a whole number of two thousand million bytes": b"\x80\x02\x8b\xff\xff\xff\x7f.",
    "nesting": b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b".",
    "the state of a class": b"\x80\x02cchumpy\nCh\n}(X\x05\x00\x00\x00stateK\x01ub.",
    "a call of what was called": b"\x80\x02cnumpy\ndtype\n)R)R.",
}


@pytest.mark.parametrize("program", CRAFTED.values(), ids=CRAFTED)
def test_crafted_programs_end_at_once_and_change_nothing(tmp_path, program):
    path = tmp_path / "model.pkl"
    path.write_bytes(program)
    with contextlib.suppress(ModelError):
        assert read_pickled_arrays(path) == {}
    np.testing.assert_array_equal(read_pickled_arrays(written(tmp_path, ARRAYS))["one"], ARRAYS["one"])


@settings(max_examples=300, deadline=2000)
@given(program=st.binary(max_size=60), protocol=st.sampled_from([b"", b"\x80\x02", b"\x80\x04"]))
def test_any_bytes_are_a_dictionary_or_a_model_error(tmp_path_factory, program, protocol):
    path = tmp_path_factory.getbasetemp() / "any.pkl"
    path.write_bytes(protocol + program)
    with contextlib.suppress(ModelError):
        read_pickled_arrays(path)
