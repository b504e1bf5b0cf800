"""GLB files read back in a few lines of our own."""

import json
import struct

import numpy as np


def read_glb(path):
    """The document, and a function from an accessor's number to its array."""
    content = path.read_bytes()
    magic, version, length, text_length, kind = struct.unpack_from("<4sIII4s", content)
    assert (magic, version, length, kind) == (b"glTF", 2, len(content), b"JSON")
    document = json.loads(content[20 : 20 + text_length])
    binary = content[28 + text_length :]

    def stored(place, code, count, width=1):
        start = document["bufferViews"][place["bufferView"]]["byteOffset"] + place.get("byteOffset", 0)
        kind = {5126: "<f4", 5123: "<u2", 5125: "<u4"}[code]
        return (
            np.frombuffer(binary, kind, count * width, start)
            .reshape(count, width)
            .squeeze(axis=-1 if width == 1 else ())
        )

    def array(number):
        entry = document["accessors"][number]
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[entry["type"]]
        if "sparse" not in entry:
            return stored(entry, entry["componentType"], entry["count"], width)
        values, sparse = np.zeros((entry["count"], width), np.float32), entry["sparse"]
        index = stored(sparse["indices"], sparse["indices"]["componentType"], sparse["count"])
        values[index] = stored(sparse["values"], 5126, sparse["count"], width)
        return values

    return document, array


def morphed(document, array):
    """Each part of the mesh as a viewer shows it, by name: at rest, plus its targets by their weights; m."""
    parts = {}
    for primitive in document["meshes"][0]["primitives"]:
        points = array(primitive["attributes"]["POSITION"]).astype(float)
        for weight, target in zip(document["meshes"][0]["weights"], primitive["targets"], strict=True):
            points = points + weight * array(target["POSITION"])
        parts[document["materials"][primitive["material"]]["name"]] = points
    return parts
