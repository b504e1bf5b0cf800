"""What other programs read of our files: the formats' own rules and numpy, nothing of lineament."""

import json
import struct

import numpy as np


def read_obj(path):
    """Vertices, texture coordinates, normals, triangles (from 0) and the names of the groups."""
    rows = [line.split() for line in path.read_text().splitlines()]
    table = {kind: np.array([row[1:] for row in rows if row[0] == kind], float) for kind in ("v", "vt", "vn")}
    corners = [[part.split("/") for part in row[1:]] for row in rows if row[0] == "f"]
    triangles = np.array([[int(corner[0]) - 1 for corner in face] for face in corners])
    assert all(len(set(filter(None, corner))) == 1 for face in corners for corner in face)
    return table, triangles, [row[1] for row in rows if row[0] == "g"]


def read_ply(path):
    """The vertex rows and the triangles of a binary PLY, by its header alone."""
    head, body = path.read_bytes().split(b"end_header\n", 1)
    lines = head.decode("ascii").splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    vertices, triangles = (int(line.split()[2]) for line in lines if line.startswith("element"))
    kinds = {"float": "<f4", "uchar": "u1"}
    fields = [line.split()[1:] for line in lines if line.startswith("property") and "list" not in line]
    rows = np.frombuffer(body, [(name, kinds[kind]) for kind, name in fields], vertices)
    corners = np.frombuffer(body, [("n", "u1"), ("index", "<i4", 3)], triangles, offset=rows.nbytes)
    assert rows.nbytes + corners.nbytes == len(body)
    assert (corners["n"] == 3).all()
    return rows, corners["index"]


def read_glb(path):
    """The document, and a function from an accessor's number to its array."""
    content = path.read_bytes()
    magic, version, length, text_length, kind = struct.unpack_from("<4sIII4s", content)
    assert (magic, version, length, kind) == (b"glTF", 2, len(content), b"JSON")
    document = json.loads(content[20 : 20 + text_length])
    binary = content[28 + text_length :]

    def stored(view, code, count, width=1):
        start = document["bufferViews"][view]["byteOffset"]
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
            return stored(entry["bufferView"], entry["componentType"], entry["count"], width)
        values, sparse = np.zeros((entry["count"], width), np.float32), entry["sparse"]
        index = stored(sparse["indices"]["bufferView"], sparse["indices"]["componentType"], sparse["count"])
        values[index] = stored(sparse["values"]["bufferView"], 5126, sparse["count"], width)
        return values

    return document, array
