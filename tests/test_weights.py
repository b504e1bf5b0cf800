import json
from dataclasses import replace

import numpy as np
import pytest

from lineament import weights
from lineament.errors import WeightsError


@pytest.fixture
def assets(tmp_path, monkeypatch):
    """A catalogue of one network of 1 MiB, as the tool would write it."""
    content = np.random.default_rng(4).integers(0, 256, 2**20, dtype=np.uint8).tobytes()
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    row = {
        "file": path.name,
        "size_bytes": len(content),
        "sha256": weights.sha256_of(path),
        "sha256_ends": weights.sha256_of_ends(path),
        "method": "morphable-regressor",
        "licence": "Apache-2.0",
        "trained_on": "nothing",
    }
    catalogue = tmp_path / "catalogue.json"
    catalogue.write_text(json.dumps({"lfm-regressor": row}))
    monkeypatch.setattr(weights, "ASSETS", tmp_path)
    monkeypatch.setattr(weights.catalogue, "__defaults__", (catalogue,))
    return tmp_path


def test_a_name_and_its_alias_lead_to_the_file(assets):
    assert weights.locate("lfm-regressor") == weights.locate("default") == assets / "net.onnx"
    weights.verify("default")


def test_a_path_is_taken_as_it_is(assets, tmp_path):
    other = tmp_path / "mine.onnx"
    other.write_bytes(b"anything")
    assert weights.locate(other) == weights.locate(str(other)) == other
    with pytest.raises(WeightsError, match=r"gone\.onnx"):
        weights.locate("gone.onnx")


def test_an_unknown_name_lists_those_known(assets):
    with pytest.raises(WeightsError, match=r"'best'.*Known: default, fast, lfm-regressor, open;"):
        weights.locate("best")


def test_a_file_that_is_missing_cut_or_changed_at_its_ends_is_refused(assets):
    path = assets / "net.onnx"
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


def test_verifying_reads_every_byte(assets):
    path = assets / "net.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    weights.locate("default")
    with pytest.raises(WeightsError, match="checksum"):
        weights.verify("default")


def test_the_hash_of_the_ends_of_a_short_file_covers_all_of_it(tmp_path):
    path = tmp_path / "short"
    for size in (0, 1, 300_000, 524_288):
        path.write_bytes(b"\7" * size)
        assert weights.sha256_of_ends(path) == weights.sha256_of(path)


@pytest.mark.parametrize("content", ["{", "[]", '{"a": {"file": "x"}}', '{"a": 1}'])
def test_a_damaged_catalogue_is_a_weights_error(tmp_path, content):
    path = tmp_path / "catalogue.json"
    path.write_text(content)
    with pytest.raises(WeightsError, match="damaged"):
        weights.catalogue(path)
    with pytest.raises(WeightsError, match="missing"):
        weights.catalogue(tmp_path / "gone.json")


def test_everything_shipped_is_whole_and_says_where_it_is_from():
    for name, entry in weights.catalogue().items():
        weights.verify(name)
        assert entry.licence
        assert entry.trained_on
        assert replace(entry) == entry
