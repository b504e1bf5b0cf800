"""The hostile films of the campaign: seeded, and their judge is not blind."""

import itertools
import os
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

pytest.importorskip("cv2", reason="OpenCV (extra 'video') is not installed")

from benchmarks.hostile_films import VERBS, Ended, _broken_result, _words, cases, mutated, session_waited_s


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
    (tmp_path / "b.glb").unlink()
    with zipfile.ZipFile(tmp_path / "checkpoint.pt", "w") as file:
        file.writestr("data", bytes(1000))
    assert _broken_result(tmp_path) is None
    content = (tmp_path / "checkpoint.pt").read_bytes()
    (tmp_path / "checkpoint.pt").write_bytes(content[:-30])
    assert "checkpoint.pt" in _broken_result(tmp_path)


@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="needs Linux's schedstat")
def test_what_a_process_waits_for_a_processor_is_told():
    spin = "import time; end = time.monotonic() + 1.5\nwhile time.monotonic() < end: pass"
    one = {next(iter(os.sched_getaffinity(0)))}
    command = [sys.executable, "-c", spin]
    made = [
        subprocess.Popen(command, start_new_session=True, preexec_fn=lambda: os.sched_setaffinity(0, one))
        for _ in range(3)
    ]
    most = [0.0] * 3
    while any(process.poll() is None for process in made):
        most = [max(seen, session_waited_s(process.pid)) for seen, process in zip(most, made)]
        time.sleep(0.05)
    assert max(most) > 0.3


def test_every_verb_is_tried_with_files_that_are_there(tmp_path):
    assert set(VERBS) == {"align", "video", "view", "build", "fit", "eval", "train"}
    for verb in VERBS:
        words = _words(verb, tmp_path)
        assert (tmp_path / "out").is_dir()
        assert all(os.path.exists(word) for word in words if os.path.isabs(word)), words
