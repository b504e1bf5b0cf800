import errno
import os
import subprocess
import sys

import pytest
from numba.core import caching

from lineament.data.drawing.compiled import compiled
from shared import ROOT

KERNEL = """
from lineament.data.drawing.compiled import compiled
@compiled(nogil=True)
def double(value):
    return 2 * value
print(double(21), sum(double.stats.cache_hits.values()))
"""


@pytest.fixture
def kernel(tmp_path):
    """Runs a source that compiles a function, with a folder of its own for the code; gives what it prints."""

    def run(source=KERNEL):
        path = tmp_path / "kernel.py"
        path.write_text(source)
        environment = os.environ | {
            "PYTHONPATH": str(ROOT / "src"),
            "NUMBA_CACHE_DIR": str(tmp_path / "kept"),
        }
        done = subprocess.run([sys.executable, str(path)], env=environment, capture_output=True, text=True)
        assert not done.returncode, done.stderr
        return done.stdout.split()

    return run


def test_what_is_compiled_is_kept_for_other_processes(kernel, tmp_path):
    assert [kernel(), kernel()] == [["42", "0"], ["42", "1"]]
    assert list((tmp_path / "kept").rglob("*.nbc"))


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"cnumba.core.types.old_scalars\nInteger\n."])
@pytest.mark.parametrize("kind", ["nbc", "nbi"])
def test_kept_code_that_cannot_be_read_is_compiled_anew(kernel, tmp_path, kind, damage):
    kernel()
    [path] = (tmp_path / "kept").rglob(f"*.{kind}")
    path.write_bytes(damage)
    assert [kernel(), kernel()] == [["42", "0"], ["42", "1"]]


def test_an_index_that_a_killed_process_left_without_its_code_names_no_older_code(kernel, tmp_path):
    kernel()
    [old] = (tmp_path / "kept").rglob("*.nbc")
    changed = KERNEL.replace("2 * value", "3 * value")
    assert kernel(changed) == ["63", "0"]
    [new] = {*(tmp_path / "kept").rglob("*.nbc")} - {old}
    new.unlink()
    assert [kernel(changed), kernel(changed)] == [["63", "0"], ["63", "1"]]


def test_on_a_full_disk_functions_work_all_the_same(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "save", full)

    @compiled()
    def double(value):
        return 2 * value

    assert (double(21), double(2.5)) == (42, 5.0)


def test_without_a_folder_that_can_be_written_functions_work_all_the_same(monkeypatch):
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])

    @compiled()
    def double(value):
        return 2 * value

    assert double(21) == 42
