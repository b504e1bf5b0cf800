import json
import pickle
import struct
import zipfile
from dataclasses import replace

import numpy as np
import onnx
import pytest

from lineament.bundle import SUFFIX, Bundle, CropSpec, DetectorSpec, FaceModelSpec, Manifest
from lineament.bundle import archive as archive_module
from lineament.errors import WeightsError

MANIFEST = Manifest(
    name="toy",
    method="morphable-regressor",
    crop=CropSpec(64, 1.75),
    face_model=FaceModelSpec("tiny"),
    detector=DetectorSpec("face-detector", {"min_score": 0.4}),
    threads=1,
    max_uncertainty_mm=5.0,
    data="discs",
    licence="Apache-2.0",
    research=False,
    trained={"steps": 3},
)
CONSTANTS = {"mean": np.arange(6, dtype=np.float32).reshape(2, 3), "order": np.asfortranarray(np.eye(3)[:2])}


@pytest.fixture
def toy(disc_graph, tmp_path):
    """A bundle of two graphs and constants."""
    graph = disc_graph.read_bytes()
    arrays = {"constants": CONSTANTS}
    return Bundle.write(
        tmp_path / "toy.lineament", MANIFEST, graphs={"network": graph, "second": graph}, arrays=arrays
    )


def rezipped(path, change=None, *, compression=zipfile.ZIP_STORED):
    """The bundle written anew, its members changed: {name: content}."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members = (change or (lambda members: members))(members)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_what_is_written_is_read(toy, disc_graph):
    bundle = Bundle.open(toy)
    assert replace(bundle.manifest, graphs={}, arrays={}) == MANIFEST
    assert bundle.graph("second") == disc_graph.read_bytes()
    for name, array in CONSTANTS.items():
        np.testing.assert_array_equal(bundle.arrays("constants")[name], array)
    assert repr(bundle) == "Bundle('toy.lineament', morphable-regressor, graphs: network, second)"
    bundle.verify()


def test_the_same_content_is_the_same_file(toy, tmp_path):
    bundle = Bundle.open(toy)
    graphs = {name: bundle.graph(name) for name in bundle.manifest.graphs}
    again = Bundle.write(
        tmp_path / "again.lineament", MANIFEST, graphs=graphs, arrays={"constants": CONSTANTS}
    )
    assert again.read_bytes() == toy.read_bytes()


def test_it_is_rewritten_with_another_manifest_and_the_graphs_that_are_given(toy, tmp_path):
    bundle = Bundle.open(toy)
    other = replace(bundle.manifest, data="other discs")
    same = Bundle.open(bundle.rewritten(tmp_path / "same.lineament", other))
    assert same.manifest == other
    assert [same.graph(name) for name in other.graphs] == [bundle.graph(name) for name in other.graphs]
    np.testing.assert_equal(dict(same.arrays("constants")), dict(bundle.arrays("constants")))
    (first, *others) = other.graphs
    graph = onnx.load_from_string(bundle.graph(first))
    graph.doc_string = "other weights"
    content = graph.SerializeToString()
    changed = Bundle.open(bundle.rewritten(toy, other, graphs={first: content}))
    assert changed.path == toy
    assert changed.manifest.data == "other discs"
    assert changed.graph(first) == content
    assert [changed.graph(name) for name in others] == [same.graph(name) for name in others]


def test_its_networks_run_and_use_the_threads_that_it_states(toy, disc_network, disc_photo):
    crop = disc_photo((64, 64), [(30.0, 32.0, 12.0)])[None]
    network = Bundle.open(toy).network("second")
    for name, expected in disc_network(crop=crop).items():
        np.testing.assert_array_equal(network(crop=crop)[name], expected)
    assert network._options == (1, "cpu")
    assert Bundle.open(toy).network(threads=2)._options == (2, "cpu")


def test_a_network_of_it_travels_and_other_weights_in_its_place_are_noticed(toy, disc_photo):
    crop = disc_photo((64, 64), [(30.0, 32.0, 12.0)])[None]
    network = Bundle.open(toy).network("second")
    pickled = pickle.dumps(network)
    assert len(pickled) < 1000
    np.testing.assert_array_equal(pickle.loads(pickled)(crop=crop)["scale"], network(crop=crop)["scale"])
    Bundle.write(toy, replace(MANIFEST, data="other discs"), graphs={"second": Bundle.open(toy).graph()})
    with pytest.raises(WeightsError, match="differ here from those that were pickled"):
        pickle.loads(pickled)


def test_a_plain_graph_opens_as_a_bundle_of_one(disc_graph):
    bundle = Bundle.open(disc_graph)
    manifest = bundle.manifest
    assert (manifest.method, manifest.crop, manifest.face_model.name) == (
        "morphable-regressor",
        CropSpec(64, 1.75),
        "tiny",
    )
    assert (manifest.data, manifest.licence, manifest.max_uncertainty_mm) == ("nothing", "Apache-2.0", None)
    assert manifest.detector == DetectorSpec("face-detector")
    assert bundle.graph() == disc_graph.read_bytes()
    assert set(bundle.network().output_names) > {"rotation", "scale"}


def test_a_plain_graph_that_tells_how_certain_it_is_has_the_limit_of_former_versions(tmp_path):
    path = tmp_path / "old.onnx"
    path.write_bytes(Bundle.open("default").graph())
    manifest = Bundle.open(path).manifest
    assert (manifest.max_uncertainty_mm, manifest.detector.options) == (6.0, {"min_score": 0.35})
    assert manifest.research


def test_what_it_does_not_have_is_named(toy):
    with pytest.raises(WeightsError, match=r"no graph 'third'; it has network, second"):
        Bundle.open(toy).network("third")
    with pytest.raises(WeightsError, match="no file of arrays 'means'; it has constants"):
        Bundle.open(toy).arrays("means")


@pytest.mark.parametrize("kept", [0, 1, 3, 40, 500, -1, -30])
def test_a_bundle_that_was_cut_short_is_refused(toy, kept):
    toy.write_bytes(toy.read_bytes()[:kept])
    with pytest.raises(WeightsError, match=r"toy\.lineament"):
        Bundle.open(toy).graph()


def test_a_changed_byte_anywhere_is_noticed(toy):
    content = toy.read_bytes()
    for place in np.linspace(60, len(content) - 700, 25).astype(int):
        changed = bytearray(content)
        changed[place] ^= 0x55
        toy.write_bytes(changed)
        with pytest.raises(WeightsError, match=r"toy\.lineament.*(Copy the file again|reinstall)"):
            Bundle.open(toy).verify()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: {"note.txt": b""}, "no item named 'bundle.json'"),
        (lambda m: m | {"bundle.json": b"{"}, "Expecting property name"),
        (lambda m: m | {"bundle.json": b"\xff\xfe{"}, "decode"),
        (lambda m: m | {"bundle.json": b"[" * 100_000}, "deeply"),
        (lambda m: m | {"bundle.json": b" " * (2**20 + 1)}, "at most 1048576"),
        (lambda m: m | {"../evil.onnx": b""}, "not plain"),
        (lambda m: m | {"/etc/passwd": b""}, "not plain"),
        (lambda m: m | {"folder/": b""}, "not plain"),
        (lambda m: m | {f"{number}.txt": b"" for number in range(62)}, "66 members"),
        (lambda m: {k: v for k, v in m.items() if k != "second.onnx"}, r"second\.onnx is missing"),
        (lambda m: m | {"network.onnx": m["network.onnx"][:-1]}, "does not match its checksum"),
    ],
)
def test_a_bundle_that_is_not_what_it_should_be_says_why(toy, change, reason):
    rezipped(toy, change)
    with pytest.raises(WeightsError, match=reason):
        Bundle.open(toy).verify()


def test_a_compressed_archive_is_refused_before_anything_is_unpacked(toy):
    rezipped(toy, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(WeightsError, match="compressed or encrypted"):
        Bundle.open(toy)


def test_a_list_of_members_that_would_fill_the_memory_is_not_read(toy, monkeypatch):
    content = bytearray(toy.read_bytes())
    content[-10:-6] = struct.pack("<I", len(content))
    toy.write_bytes(content)
    monkeypatch.setattr(archive_module.zipfile, "ZipFile", None)
    with pytest.raises(WeightsError, match="its list of members takes"):
        Bundle.open(toy)


def test_a_member_said_to_be_larger_than_the_file_is_refused(toy):
    content = toy.read_bytes()
    with zipfile.ZipFile(toy) as archive:
        info = archive.getinfo("network.onnx")
    size, lie = struct.pack("<II", info.file_size, info.file_size), struct.pack("<II", 2**31, 2**31)
    toy.write_bytes(content.replace(size, lie))
    with pytest.raises(WeightsError, match="at most"):
        Bundle.open(toy).graph()


def npz_of(members):
    """An .npz with members as they are given."""
    from io import BytesIO

    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def npy(header, data=b""):
    """An array file with a header of one's own."""
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not a zip", "zip"),
        (npz_of({"a.npy": b""}), "magic"),
        (
            npz_of({"a.npy": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (10**12,), }")}),
            "malformed|f8",
        ),
        (npz_of({"a.npy": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999,), }")}), "no "),
        (
            npz_of({"a.npy": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"12345678")}),
            "no ",
        ),
        (npz_of({"a.npy": npy("open('x')")}), "header|malformed"),
    ],
)
def test_arrays_that_cannot_be_are_refused(toy, content, reason):
    import hashlib

    def change(members):
        table = json.loads(members["bundle.json"])
        table["arrays"]["constants"]["sha256"] = hashlib.sha256(content).hexdigest()
        return members | {"constants.npz": content, "bundle.json": json.dumps(table).encode()}

    rezipped(toy, change)
    with pytest.raises(WeightsError, match=reason):
        Bundle.open(toy).arrays("constants")


def test_arrays_that_would_unpack_to_more_than_the_memory_are_refused(toy, monkeypatch):
    monkeypatch.setattr(archive_module, "MAX_ARRAY_BYTES", 100)
    with pytest.raises(WeightsError, match="at most 100"):
        Bundle.open(toy).arrays("constants")


def test_a_bundle_that_could_not_be_read_is_not_written(tmp_path):
    path = tmp_path / f"bad{SUFFIX}"
    with pytest.raises(WeightsError, match="name"):
        Bundle.write(path, replace(MANIFEST, name="../up"), graphs={"network": b"x"})
    with pytest.raises(WeightsError, match="network/1"):
        Bundle.write(path, MANIFEST, graphs={"network/1": b"x"})
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_does_not_work_is_a_weights_error(tmp_path):
    path = Bundle.write(tmp_path / "bad.lineament", MANIFEST, graphs={"network": b"no graph"})
    with pytest.raises(WeightsError, match=r"bad\.lineament is not a working ONNX graph"):
        Bundle.open(path).network()
