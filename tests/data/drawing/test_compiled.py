import os
import subprocess
import sys

from numba.core import caching

from lineament.data.drawing.compiled import compiled
from shared import ROOT


def test_what_is_compiled_is_kept_for_other_processes(tmp_path):
    source = tmp_path / "kernel.py"
    source.write_text(
        "from lineament.data.drawing.compiled import compiled\n"
        "@compiled(nogil=True)\n"
        "def double(value):\n"
        "    return 2 * value\n"
        "print(double(21), sum(double.stats.cache_hits.values()))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "NUMBA_CACHE_DIR": str(tmp_path / "kept")}
    command = [sys.executable, str(source)]
    runs = [subprocess.run(command, env=environment, capture_output=True, text=True) for _ in range(2)]
    assert [run.stdout.split() for run in runs] == [["42", "0"], ["42", "1"]], runs[0].stderr
    assert list((tmp_path / "kept").rglob("*.nbc"))


def test_without_a_folder_that_can_be_written_functions_work_all_the_same(monkeypatch):
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])

    @compiled()
    def double(value):
        return 2 * value

    assert double(21) == 42
