import json
import threading
import tomllib
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lineament.bundle import Bundle
from lineament.cli.main import app
from lineament.errors import ConfigError, ExportError, WeightsError
from lineament.methods.closeup_networks import close_ups_of
from lineament.models import load_model
from lineament.models.builtin import BUILTIN_PATH
from lineament.view import PageServer, folder, write_folder
from lineament.view.folder import page_sources
from lineament.view.model_file import ARRAYS, model_bytes
from shared import ROOT


def test_the_folder_has_all_the_page_asks_for(page_folder):
    settings = json.loads((page_folder / "settings.json").read_text())
    for name in ("default", "fast"):
        assert_graphs_of(page_folder, settings["regressors"][name], Bundle.open(name))
    assert (page_folder / "vendored" / "ort-wasm-simd-threaded.wasm").read_bytes()[:4] == b"\0asm"
    app = page_sources() / "app"
    assert {path.name for path in app.iterdir()} == {path.name for path in (page_folder / "app").iterdir()}
    assert not (page_folder / "tests").exists()


def assert_graphs_of(page, own, bundle):
    """The page has a bundle's graphs byte for byte, and those of its detector."""
    files = {"network": own["file"]}
    files |= (own["close_ups"] or {"graphs": {}})["graphs"]
    files |= {} if own["occlusion"] is None else {"occlusion": own["occlusion"]["file"]}
    assert set(files) == set(bundle.manifest.graphs)
    for graph, file in files.items():
        assert (page / file).read_bytes() == bundle.graph(graph), graph
    detector = Bundle.open(bundle.manifest.detector.weights)
    assert (page / own["detector"]["file"]).read_bytes() == detector.graph()


def test_the_page_offers_weights_by_the_names_that_they_have_everywhere(page_folder, page_of_open, tmp_path):
    settings = json.loads((page_folder / "settings.json").read_text())
    assert list(settings["regressors"]) == ["default", "fast", "open"]
    assert_graphs_of(page_folder, settings["regressors"]["open"], Bundle.open("open"))
    assert settings["regressors"]["open"]["detector"]["file"] == "weights/face-detector-open.onnx"
    of_open = json.loads((page_of_open / "settings.json").read_text())["regressors"]
    assert list(of_open) == ["open", "fast"]
    assert_graphs_of(page_of_open, of_open["open"], Bundle.open("open"))
    mine = tmp_path / "mine, 2nd try.lineament"
    mine.write_bytes(Bundle.open("fast").path.read_bytes())
    assert list(folder.offered(mine)) == ["mine-2nd-try", "fast", "open"]
    assert list(folder.offered(mine.rename(tmp_path / "fast.lineament"))) == ["fast-file", "fast", "open"]


def test_the_example_is_the_demos_photograph_and_part_of_the_wheel(page_folder):
    example = json.loads((page_folder / "settings.json").read_text())["example"]
    assert (page_folder / example).read_bytes() == (ROOT / "demo" / "photos" / example).read_bytes()
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert f"demo/photos/{example}" in wheel["only-include"]
    assert wheel["sources"]["demo/photos"] == "lineament/view/page"


def test_the_page_cuts_close_ups_where_python_does(page_folder):
    own = json.loads((page_folder / "settings.json").read_text())["regressors"]["default"]
    content = (page_folder / own["close_ups"]["file"]).read_bytes()
    length = int.from_bytes(content[4:8], "little")
    head = json.loads(content[8 : 8 + length])
    parts, update = close_ups_of(Bundle.open("default"), load_model("lfm"))
    assert set(head["parts"]) == set(parts) == {"eye", "mouth"}
    arrays = {
        entry["name"]: np.frombuffer(content, entry["dtype"], entry["count"], 8 + length + entry["start"])
        for entry in head["arrays"]
    }
    assert np.array_equal(arrays["information"], update.information.ravel())
    for part, sides in parts.items():
        assert np.array_equal(arrays[f"{part}/whitening"], update.whitening[part].ravel())
        for number, (side, cut) in enumerate(zip(sides, head["parts"][part], strict=True)):
            assert np.array_equal(arrays[f"{part}/{number}/bases"], side.bases.ravel())
            assert (cut["side_mm"], cut["size"], cut["mirrored"]) == (side.side_mm, side.size, side.mirrored)


def test_weights_of_another_method_are_refused():
    with pytest.raises(WeightsError, match="Use it with `lineament align`"):
        folder.offered("face-detector")


def test_the_page_looks_as_the_bundles_say(page_folder):
    settings = json.loads((page_folder / "settings.json").read_text())["regressors"]
    for name in ("default", "fast"):
        manifest = Bundle.open(name).manifest
        assert settings[name]["detector"].items() >= dict(manifest.detector.options).items()
        assert settings[name]["max_uncertainty_mm"] == manifest.max_uncertainty_mm
        assert (settings[name]["crop_size"], settings[name]["crop_margin"]) == (
            manifest.crop.size,
            manifest.crop.margin,
        )


def test_no_source_of_the_page_names_another_host():
    for path in [*page_sources().iterdir(), *(page_sources() / "app").iterdir()]:
        if path.suffix in (".js", ".html", ".css"):
            assert "://" not in path.read_text(), path


def test_the_wheel_holds_all_of_the_page_but_its_tests():
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    packed = {Path(name).name for name in wheel["only-include"] if name.startswith("page/")}
    assert packed == {path.name for path in (ROOT / "page").iterdir()} - {"README.md", "tests"}
    assert wheel["sources"]["page"] == "lineament/view/page"


def test_an_installation_without_the_page_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(folder, "PLACES", (tmp_path / "page",))
    with pytest.raises(ConfigError, match="not whole"):
        write_folder(tmp_path / "site")


def test_the_model_file_holds_the_arrays_of_the_installed_model():
    content = model_bytes(BUILTIN_PATH)
    length = int.from_bytes(content[4:8], "little")
    head = json.loads(content[8 : 8 + length])
    assert content[:4] == b"LFMW"
    assert (8 + length) % 8 == 0
    entries = {entry["name"]: entry for entry in head["arrays"]}
    with np.load(BUILTIN_PATH) as data:
        for name in ARRAYS:
            start = 8 + length + entries[name]["start"]
            found = np.frombuffer(content, entries[name]["dtype"], entries[name]["count"], start)
            assert np.array_equal(found, data[name].ravel()), name
        assert head["expression_names"] == data["expression_names"].tolist()


def test_an_older_page_is_replaced_but_a_folder_of_other_things_is_left_alone(page_folder, tmp_path):
    (page_folder / "index.html").write_text("old")
    write_folder(page_folder)
    assert "lineament" in (page_folder / "index.html").read_text()
    (tmp_path / "settings.json").write_text("{}")  # of somebody's editor
    with pytest.raises(ConfigError, match="other files"):
        write_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


def test_a_folder_that_was_not_finished_is_written_anew(page_folder, tmp_path, monkeypatch):
    def no_room(*_):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("lineament.view.folder.settings", no_room)
        with pytest.raises(ExportError, match="no space left"):
            write_folder(tmp_path / "site")
    assert (write_folder(tmp_path / "site") / "settings.json").is_file()


def test_the_server_answers_on_this_machine_with_types_a_browser_accepts(page_folder):
    with PageServer(page_folder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        types = {}
        for name in ("", "app/main.js", "vendored/ort-wasm-simd-threaded.wasm", "settings.json"):
            with urllib.request.urlopen(server.url + name) as answer:
                types[name] = answer.headers.get_content_type()
        server.shutdown()
        thread.join()
    assert list(types.values()) == ["text/html", "text/javascript", "application/wasm", "application/json"]
    assert server.server_address[0] == "127.0.0.1"


def test_a_taken_port_is_one_line_and_status_1(page_folder):
    with PageServer(page_folder) as server:
        done = CliRunner().invoke(app, ["view", "--port", str(server.server_port), "--no-browser"])
    assert done.exit_code == 1
    assert "Choose another with --port" in done.stderr


def test_the_command_exports_the_folder(tmp_path):
    done = CliRunner().invoke(app, ["view", "--export", str(tmp_path / "site")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "site" / "index.html").is_file()
    assert Path(tmp_path / "site" / "settings.json").is_file()
