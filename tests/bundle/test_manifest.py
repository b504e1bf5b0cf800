import json

import pytest

from lineament.bundle import CropSpec, Manifest
from lineament.bundle.manifest import joined_data
from lineament.expression_keys import KeyScale

SMALL = {"format": 1, "name": "a", "method": "m", "data": "d", "licence": "l", "research": False}


def test_only_a_few_fields_are_needed_and_those_of_later_versions_are_left_out():
    manifest = Manifest.from_json(json.dumps(SMALL | {"colour": "red"}).encode())
    assert manifest == Manifest(name="a", method="m", data="d", licence="l", research=False)


def test_it_is_the_same_after_json():
    manifest = Manifest.from_json(json.dumps(SMALL | {"crop": {"size": 112, "margin": 1}}).encode())
    assert manifest.crop == CropSpec(112, 1.0)
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_what_keys_mean_is_the_same_after_json():
    keys = {
        "jawOpen": {"rest": 0.1, "full": 0.6},
        "noseSneerLeft": {"measured": False},
        "mouthClose": {"mix": {"mouthClose": 1.5, "jawOpen": -0.1}, "mesh_rest": 0.2},
    }
    manifest = Manifest.from_json(json.dumps(SMALL | {"expression_keys": keys}).encode())
    assert manifest.expression_keys == {
        "jawOpen": KeyScale(0.1, 0.6),
        "noseSneerLeft": KeyScale(measured=False),
        "mouthClose": KeyScale(mix={"mouthClose": 1.5, "jawOpen": -0.1}, mesh_rest=0.2),
    }
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_other_weights_are_named_and_the_same_after_json():
    names = {"first_look": "quick", "close_ups": "close"}
    manifest = Manifest.from_json(json.dumps(SMALL | names).encode())
    assert (manifest.first_look, manifest.close_ups) == ("quick", "close")
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_the_data_of_graphs_trained_apart_is_joined_and_taken_apart():
    data = {
        "network": "1 sample of a; 2 samples of b",
        "eye": "eyes; 3 samples of c",
        "mouth": "4 samples of d",
    }
    manifest = Manifest.from_json(json.dumps(SMALL | {"data": joined_data(data)}).encode())
    assert {graph: manifest.data_of(graph) for graph in data} == data
    assert Manifest.from_json(json.dumps(SMALL).encode()).data_of("network") == "d"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 2}, "format is 2, this version reads 1"),
        ({"name": "a/b"}, "'name' is 'a/b'"),
        ({"name": None}, "'name'"),
        ({"method": "x" * 101}, "'method'"),
        ({"data": ""}, "'data'"),
        ({"licence": 3}, "'licence' is 3"),
        ({"research": "no"}, "'research' is 'no'"),
        ({"threads": 0}, "'threads' is 0"),
        ({"threads": 1.5}, "'threads'"),
        ({"threads": True}, "'threads'"),
        ({"max_uncertainty_mm": float("nan")}, "'max_uncertainty_mm' is nan"),
        ({"max_uncertainty_mm": float("inf")}, "'max_uncertainty_mm' is inf"),
        ({"max_uncertainty_mm": "6"}, "'max_uncertainty_mm'"),
        ({"crop": {"size": 112}}, "'margin'"),
        ({"crop": {"size": 10**9, "margin": 1}}, "'size'"),
        ({"crop": [112, 1]}, "'crop'"),
        ({"face_model": {"name": "lfm", "sha256": "12"}}, "64 hexadecimal digits"),
        ({"detector": {"weights": "../d"}}, "'weights'"),
        ({"close_ups": "../d"}, "'close_ups' is '../d'"),
        ({"detector": {"weights": "d", "options": 3}}, "'options'"),
        ({"graphs": {"network": {"file": "../x.onnx", "sha256": "0" * 64}}}, "'graphs'"),
        ({"graphs": {"network": {"file": "x.exe", "sha256": "0" * 64}}}, "'graphs'"),
        ({"graphs": {"network": "x.onnx"}}, "'graphs'"),
        ({"arrays": {"c": {"file": "c.npz"}}}, "64 hexadecimal digits"),
        ({"trained": []}, "'trained'"),
        ({"expression_keys": []}, "'expression_keys'"),
        ({"expression_keys": {"jawOpen": 1}}, "'expression_keys' has 'jawOpen'"),
        ({"expression_keys": {"jawOpen": {"mix": [1]}}}, "'mix' of the key jawOpen is"),
        ({"expression_keys": {"jawOpen": {"mix": {"a/b": 1}}}}, "'mix' of the key jawOpen is"),
        ({"expression_keys": {"jawOpen": {"mix": {"jawOpen": "1"}}}}, "'mix of jawOpen' of the key jawOpen"),
        ({"expression_keys": {"jawOpen": {"mesh_rest": None}}}, "'mesh_rest' of the key jawOpen is None"),
        ({"expression_keys": {"../jaw": {}}}, "'expression_keys'"),
        ({"expression_keys": {"jawOpen": {"rest": "0"}}}, "'rest' of the key jawOpen"),
        ({"expression_keys": {"jawOpen": {"rest": True}}}, "'rest' of the key jawOpen"),
        ({"expression_keys": {"jawOpen": {"full": float("nan")}}}, "jawOpen cannot be: rest and full"),
        ({"expression_keys": {"jawOpen": {"rest": 0.5, "full": 0.4}}}, "full must be above rest"),
        ({"expression_keys": {"jawOpen": {"measured": 1}}}, "'measured' of the key jawOpen"),
    ],
)
def test_a_field_that_cannot_be_is_named(change, reason):
    with pytest.raises(ValueError, match=reason):
        Manifest.from_json(json.dumps(SMALL | change).encode())


@pytest.mark.parametrize("content", [b"", b"[]", b"3", b"{} {}"])
def test_what_is_no_object_is_refused(content):
    with pytest.raises(ValueError):
        Manifest.from_json(content)
