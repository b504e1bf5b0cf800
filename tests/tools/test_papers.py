"""The second distribution of the repository, and any other that brings weights."""

import io
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from lineament import weights
from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.cli.main import app
from shared import ROOT
from toy_packages import toy_package

PAPERS = ROOT / "papers"
HOME = PAPERS / "src" / "lineament_papers"
MAX_MB = 95


def copy_of(source, name):
    """Writes a bundle like that of other weights under a name of its own."""

    def write(path):
        bundle = Bundle.open(source)
        Bundle.write(path, replace(bundle.manifest, name=name), graphs={"network": bundle.graph()})

    return write


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A package with the weights "toyname", which work."""
    return toy_package(
        tmp_path, monkeypatch, names=("toyname",), bundles={"toyname": copy_of("fast", "toyname")}
    )


def test_weights_of_an_installed_package_become_an_aligner_by_their_name(toy):
    aligner = FaceAligner.from_pretrained("toyname")
    (face,) = aligner(ROOT / "demo" / "photos" / "hopper.jpg")
    assert "toyname.lineament" in repr(aligner)
    assert face.landmarks_image.shape == (68, 3)


def test_info_names_the_package_of_all_weights(toy):
    text = CliRunner().invoke(app, ["info"]).stdout
    assert "weights toyname: morphable-regressor, 3.7 MB, from toy-weights 1.2" in text
    assert "weights lfm-regressor, default: close-up-regressor, 12.6 MB, from lineament" in text
    packages = json.loads(CliRunner().invoke(app, ["info", "--json"]).stdout)["packages"]
    assert [(package["package"], package["version"]) for package in packages][1] == ("toy-weights", "1.2")
    (row,) = packages[1]["weights"]
    assert (row["name"], row["research"]) == ("toyname", True)
    assert re.match(r"whole face: \d+,\d+ samples of ytf", row["data"])


def test_verifying_covers_the_weights_of_other_packages(toy):
    done = CliRunner().invoke(app, ["weights", "verify", "toyname"])
    assert (done.exit_code, "toyname: whole" in done.stdout) == (0, True)
    path = toy / "toyname.lineament"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    done = CliRunner().invoke(app, ["weights", "verify"])
    assert done.exit_code == 1
    assert "toyname: " in done.stderr
    assert "does not match its checksum" in done.stderr
    assert "lfm-regressor: whole" in done.stdout


def test_the_weights_of_papers_are_what_their_index_says():
    package = weights.read_index(HOME, package="lineament-papers", version="0")
    for entry in package.entries.values():
        weights.check_file(entry, whole=True)
        Bundle.open(entry.path).verify()
    present = {path.name for path in HOME.glob("*.lineament")}
    assert present == {entry.path.name for entry in package.entries.values()}
    files = [path for path in PAPERS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MAX_MB * 1e6


def test_papers_is_a_package_of_data_alone():
    project = tomllib.loads((PAPERS / "pyproject.toml").read_text())["project"]
    assert project["entry-points"][weights.GROUP] == {"papers": HOME.name}
    assert project["name"] == weights.PAPERS
    assert "dependencies" not in project
    assert (HOME / "__init__.py").read_text().count("\n") == 1
    assert (PAPERS / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_no_extra_of_lineament_asks_an_index_for_papers():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [name for extra in project["optional-dependencies"].values() for name in extra]
    assert not [name for name in required if "papers" in name]  # it is on no index yet


def test_the_wheel_of_papers_is_found_once_it_is_installed(tmp_path, monkeypatch):
    try:
        import hatchling  # noqa: F401
    except ImportError:
        pytest.skip("hatchling is not installed: pip install hatchling")
    source, wheels, site = (tmp_path / name for name in ("papers", "wheels", "site"))
    shutil.copytree(PAPERS, source)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = wheels.glob("lineament_papers-*.whl")
    assert wheel.stat().st_size <= MAX_MB * 1e6
    with zipfile.ZipFile(io.BytesIO(wheel.read_bytes())) as archive:
        archive.extractall(site)
    monkeypatch.syspath_prepend(site)
    (found,) = [package for package in weights.added() if package.package == weights.PAPERS]
    assert found.problem is None
    assert found.version == "0.1.0"
