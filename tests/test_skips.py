"""The suite's own rule of skips, tried on a small suite in another process."""

import os
import subprocess
import sys
from collections import Counter

import pytest

import skips
from shared import ROOT

SUITE = """
import pytest

def test_of_what_is_here():
    pass

def test_in_a_browser():
    pytest.skip("Chromium is not installed: apt-get install chromium")

@pytest.mark.skipif(True, reason="needs Linux")
def test_on_another_system():
    pass

@pytest.mark.xfail
def test_that_is_known_to_fail():
    raise AssertionError
"""
OTHER = 'import pytest; pytest.importorskip("no_such_module", reason="no_such_module is not installed")'


@pytest.fixture
def ran(tmp_path):
    (tmp_path / "test_one.py").write_text(SUITE)
    (tmp_path / "test_other.py").write_text(OTHER)

    def run(*options, **environment):
        clean = {name: value for name, value in os.environ.items() if name != "LINEAMENT_CI"}
        clean |= {"PYTHONPATH": str(ROOT / "tests"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "skips",
            "-p",
            "xdist",
            "-q",
            "-p",
            "no:cacheprovider",
            *options,
            str(tmp_path),
        ]
        return subprocess.run(command, env=clean | environment, capture_output=True, text=True, cwd=tmp_path)

    return run


@pytest.mark.parametrize("options", [(), ("-n", "2")])
def test_the_last_line_names_what_was_skipped_and_how_to_have_it(ran, options):
    done = ran(*options)
    assert done.returncode == 0, done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith("skipped 3 tests: ")
    for cause in (
        "Chromium is not installed: apt-get install chromium",
        "needs Linux",
        "no_such_module is not",
    ):
        assert f"1 x {cause}" in last


def test_in_continuous_integration_every_skip_is_a_failure(ran):
    done = ran(LINEAMENT_CI="1")
    assert done.returncode == 2  # collecting failed already
    assert "no_such_module is not installed" in done.stdout
    done = ran(LINEAMENT_CI="1", PYTEST_ADDOPTS="--continue-on-collection-errors")
    assert "1 failed, 1 passed, 1 xfailed, 2 errors" in done.stdout
    assert "apt-get install chromium" in done.stdout


def test_a_skip_in_another_process_is_a_failure_too(ran, tmp_path):
    (tmp_path / "test_other.py").unlink()
    done = ran("-n", "2", LINEAMENT_CI="1")
    assert done.returncode == 1
    assert "1 failed, 1 passed, 1 xfailed, 1 error" in done.stdout
    assert "apt-get install chromium" in done.stdout


def test_a_suite_that_skips_nothing_has_no_such_line(ran, tmp_path):
    (tmp_path / "test_other.py").unlink()
    (tmp_path / "test_one.py").write_text("def test_here():\n    pass\n")
    assert "skipped" not in ran().stdout


def test_one_test_is_one_test():
    assert skips.summary_line(Counter({"needs Linux.": 1})) == "skipped 1 test: 1 x needs Linux"
