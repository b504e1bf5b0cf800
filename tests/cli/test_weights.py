import shutil

from typer.testing import CliRunner

from lineament.cli.main import app
from lineament.weights import find


def test_the_list_has_a_line_for_each_of_the_weights():
    done = CliRunner().invoke(app, ["weights", "list"])
    lines = done.stdout.splitlines()
    assert len(lines) >= 5
    (line,) = [line for line in lines if line.startswith("lfm-regressor, default")]
    assert line.split()[2:6] == ["close-up-regressor", "12.6", "MB", "lineament"]


def test_verifying_says_what_is_whole():
    done = CliRunner().invoke(app, ["weights", "verify", "fast"])
    assert done.exit_code == 0
    assert done.stdout == f"lfm-regressor-fast: whole, SHA-256 {find('fast').sha256}\n"


def test_several_may_be_verified_files_too(tmp_path):
    whole, torn = tmp_path / "whole.lineament", tmp_path / "torn.lineament"
    shutil.copy(find("fast").path, whole)
    content = bytearray(whole.read_bytes())
    content[len(content) // 2] ^= 1
    torn.write_bytes(content)
    done = CliRunner().invoke(app, ["weights", "verify", "fast", str(whole), str(torn)])
    assert done.exit_code == 1
    sha256 = find("fast").sha256
    assert done.stdout.splitlines() == [
        f"lfm-regressor-fast: whole, SHA-256 {sha256}",
        f"{whole}: whole, SHA-256 {sha256}",
    ]
    assert done.stderr.startswith(f"{torn}: ")


def test_a_name_that_nobody_knows_is_one_line_and_status_1():
    done = CliRunner().invoke(app, ["weights", "verify", "best"])
    assert done.exit_code == 1
    assert done.stderr.startswith("error: There are no weights named 'best'")
