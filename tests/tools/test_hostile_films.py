"""The hostile films of the campaign: seeded, and their judge is not blind."""

import itertools

import numpy as np
import pytest

pytest.importorskip("cv2", reason="OpenCV (extra 'video') is not installed")

from benchmarks.hostile_films import Ended, _broken_result, cases, mutated


def test_the_same_seed_gives_the_same_cases():
    first, second = (
        [name for name, _ in itertools.islice(cases(np.random.default_rng(3)), 12)] for _ in range(2)
    )
    assert first == second
    assert len(set(first)) == 12
    film = bytes(range(256)) * 8
    assert mutated(film, np.random.default_rng(1)) == mutated(film, np.random.default_rng(1)) != film


def test_tracebacks_signals_times_and_memory_are_faults():
    assert Ended(0, "", 1.0, 0).fault(allowed=(0,)) is None
    assert "traceback" in Ended(1, "Traceback (most recent call last)", 1.0, 0).fault(allowed=(0, 1))
    assert "status -11" in Ended(-11, "", 1.0, 0).fault(allowed=(0, 1))
    assert "lines" in Ended(1, "error\n" * 50, 1.0, 0).fault(allowed=(1,))
    assert "90 s" in Ended(0, "", 90.0, 0).fault(allowed=(0,))
    assert "MiB" in Ended(0, "", 1.0, 2**31).fault(allowed=(0,))


def test_half_a_file_is_a_fault(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / ".1-00000000.part").write_text("")
    assert _broken_result(tmp_path) is None
    (tmp_path / "b.glb").write_bytes(b"glTF\2\0\0\0\xff\0\0\0")
    assert "b.glb" in _broken_result(tmp_path)
