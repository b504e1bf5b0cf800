"""What other programs read of our files: the formats' own rules and numpy, nothing of lineament."""

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
