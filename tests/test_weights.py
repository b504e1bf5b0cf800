import json

import numpy as np
import pytest

from lineament import weights
from lineament.bundle import Bundle
from lineament.errors import WeightsError
from lineament.files import sha256_of
from tools.update_weights_catalogue import index_row
from toy_packages import MANIFEST, toy_package


@pytest.fixture
def assets(tmp_path, monkeypatch):
    """The package's own weights: one file of 1 MiB."""
    content = np.random.default_rng(4).integers(0, 256, 2**20, dtype=np.uint8).tobytes()
    (tmp_path / "net.lineament").write_bytes(content)
    row = index_row(tmp_path / "net.lineament", MANIFEST)
    index = {"format": 1, "aliases": {"default": "lfm-regressor"}, "weights": {"lfm-regressor": row}}
    (tmp_path / "index.json").write_text(json.dumps(index))
    monkeypatch.setattr(weights, "ASSETS", tmp_path)
    return tmp_path


def test_a_name_and_its_alias_lead_to_the_file(assets):
    assert weights.locate("lfm-regressor") == weights.locate("default") == assets / "net.lineament"
    weights.check_file(weights.find("default"), whole=True)


def test_a_path_is_taken_as_it_is(assets, tmp_path):
    for name in ("mine.onnx", "mine.lineament"):
        other = tmp_path / name
        other.write_bytes(b"anything")
        assert weights.locate(other) == weights.locate(str(other)) == other
        with pytest.raises(WeightsError, match="gone"):
            weights.locate(f"gone-{name}")


def test_an_unknown_name_lists_those_known(assets):
    with pytest.raises(WeightsError, match=r"'best'.*Known: default, lfm-regressor;"):
        weights.locate("best")


def test_a_file_that_is_missing_cut_or_changed_at_its_ends_is_refused(assets):
    path = assets / "net.lineament"
    content = path.read_bytes()
    for damaged, message in [
        (content[:-1], "cut short"),
        (b"\0" + content[1:] if content[0] else b"\1" + content[1:], "checksum"),
        (content[:-1] + bytes([content[-1] ^ 1]), "checksum"),
    ]:
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match=message):
            weights.locate("default")
    path.unlink()
    with pytest.raises(WeightsError, match="not installed"):
        weights.locate("default")


def test_checking_the_whole_file_reads_every_byte(assets):
    path = assets / "net.lineament"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    weights.locate("default")
    with pytest.raises(WeightsError, match="checksum"):
        weights.check_file(weights.find("default"), whole=True)


def test_the_hash_of_the_ends_of_a_short_file_covers_all_of_it(tmp_path):
    path = tmp_path / "short"
    for size in (0, 1, 300_000, 524_288):
        path.write_bytes(b"\7" * size)
        assert weights.sha256_of_ends(path) == sha256_of(path)


ROW = {"file": "a.lineament", "size_bytes": 1, "sha256": "0" * 64, "sha256_ends": "0" * 64, "method": "m"}
ROW |= {"licence": "l", "data": "d", "research": False}


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"format": 2, "weights": {}}',
        '{"format": 1}',
        '{"format": 1, "weights": {"a": {"file": "x"}}}',
        json.dumps({"format": 1, "weights": {"a": ROW | {"file": "../a.lineament"}}}),
        json.dumps({"format": 1, "weights": {"a": ROW | {"sha256": "1"}}}),
        json.dumps({"format": 1, "weights": {"a b": ROW}}),
        json.dumps({"format": 1, "weights": {"a": ROW}, "aliases": {"b": "c"}}),
        " " * (2**20 + 1),
        "[" * 100_000,
    ],
)
def test_a_damaged_index_is_a_weights_error(assets, content):
    (assets / "index.json").write_text(content)
    with pytest.raises(WeightsError, match=r"index\.json is damaged.*Reinstall lineament"):
        weights.built_in()
    (assets / "index.json").unlink()
    with pytest.raises(WeightsError, match="missing"):
        weights.built_in()


def test_weights_of_another_package_are_found_by_name(tmp_path, monkeypatch):
    toy_package(tmp_path, monkeypatch, names=("toyname",))
    entry = weights.find("toyname")
    assert (entry.package, entry.version) == ("toy-weights", "1.2")
    assert weights.locate("toyname") == tmp_path / "toy_weights" / "toyname.lineament"
    assert Bundle.open("toyname").source == "toyname"


def test_another_package_cannot_take_the_place_of_lineaments_own(tmp_path, monkeypatch):
    own = weights.find("default")
    toy_package(tmp_path, monkeypatch, names=("lfm-regressor",), aliases={"default": "lfm-regressor"})
    assert weights.find("default") == weights.find("lfm-regressor") == own


def test_one_name_in_two_packages_asks_for_a_path(tmp_path, monkeypatch):
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        toy_package(folder, monkeypatch, names=("toyname",), package=f"toy_{number}")
    with pytest.raises(WeightsError, match=r"Several packages have weights named 'toyname'"):
        weights.find("toyname")


def test_a_package_that_cannot_be_read_breaks_nothing_else(tmp_path, monkeypatch):
    folder = toy_package(tmp_path, monkeypatch, names=("toyname",))
    (folder / "index.json").write_text("{")
    assert weights.find("default").name == "lfm-regressor"
    (broken,) = weights.added()
    assert "damaged" in broken.problem
    with pytest.raises(WeightsError, match="toy-weights cannot be used: The list of weights"):
        weights.find("toyname")


@pytest.mark.parametrize("value", ["no_such_package", "json", "os:path", "../up"])
def test_an_entry_point_that_is_no_package_says_so(tmp_path, monkeypatch, value):
    toy_package(tmp_path, monkeypatch, names=(), value=value)
    (broken,) = weights.added()
    assert broken.problem is not None


def test_looking_for_weights_runs_no_code_of_their_package(tmp_path, monkeypatch):
    folder = toy_package(tmp_path, monkeypatch, names=("toyname",))
    (folder / "__init__.py").write_text("raise SystemExit('was run')")
    weights.find("toyname")


@pytest.mark.parametrize("name", weights.PUBLISHED)
def test_weights_of_published_methods_are_a_package_of_their_own(tmp_path, monkeypatch, name):
    monkeypatch.setattr(weights, "added", list)
    with pytest.raises(WeightsError, match=r"lineament-papers.*run: pip install \./papers$"):
        weights.find(name)
    monkeypatch.undo()
    toy_package(tmp_path, monkeypatch, names=(), package="lineament_papers", version="0.1.0")
    with pytest.raises(
        WeightsError, match=f"lineament-papers 0.1.0 is installed and has no weights of '{name}'"
    ):
        weights.find(name)


def test_everything_shipped_is_whole_and_is_described_as_its_bundle_describes_itself():
    package = weights.built_in()
    assert set(package.aliases) == {"default", "fast", "open"}
    for name, entry in package.entries.items():
        weights.check_file(entry, whole=True)
        bundle = Bundle.open(entry.path)
        bundle.verify()
        manifest = bundle.manifest
        assert (manifest.name, manifest.method, manifest.licence) == (name, entry.method, entry.licence)
        assert (manifest.data, manifest.research) == (entry.data, entry.research)
        assert "not stated" not in (entry.licence, entry.data)
