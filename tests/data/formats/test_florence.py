import numpy as np
import pytest

from lineament.data.formats.florence import iterate_florence, read_scan
from lineament.errors import DataError

SQUARE = [[0.0, 0, 0], [10, 0, 0], [10, 10, 0], [0, 10, 1.5]]
OBJ = """# a comment
mtllib scan.mtl
v 0 0 0
v 10 0 0
v 10 10 0
v 0 10 1.5
vt 0 0
vn 0 0 1
f 1/1/1 2/1/1 3/1/1 4/1/1
"""
VRML = """#VRML V2.0 utf8
Shape { appearance Appearance { texture ImageTexture { url "scan.jpg" } }
 geometry IndexedFaceSet {
  coord Coordinate { point [ 0 0 0, 10 0 0, # the lower edge
    10 10 0, 0 10 1.5 ] }
  texCoord TextureCoordinate { point [ 0 0, 1 0, 1 1, 0 1 ] }
  texCoordIndex [ 0,1,2,3,-1 ]
  coordIndex [ 0,1,2,3,-1 ]
 } }
"""
VRML_1 = """#VRML V1.0 ascii
Separator { Coordinate3 { point [ 0 0 0, 10 0 0, 10 10 0, 0 10 1.5, ] }
  IndexedFaceSet { coordIndex [ 0, 1, 2, -1, 0, 2, 3 ] } }
"""


@pytest.mark.parametrize(("name", "text"), [("a.obj", OBJ), ("a.wrl", VRML), ("b.WRL", VRML_1)])
def test_a_square_is_two_triangles_in_every_format(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    mesh = read_scan(tmp_path / name)
    np.testing.assert_array_equal(mesh.vertices, SQUARE)
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]


def test_the_parts_of_a_vrml_scene_become_one_mesh(tmp_path):
    (tmp_path / "a.wrl").write_text(VRML + VRML_1)
    mesh = read_scan(tmp_path / "a.wrl")
    assert mesh.vertices.shape == (8, 3)
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.obj", ""),
        ("a.obj", OBJ.replace("4/1/1", "5/1/1")),
        ("a.obj", OBJ.replace("f 1/1/1 2/1/1 3/1/1 4/1/1", "f -1 -2 -3")),
        ("a.obj", OBJ.replace("10 10 0", "10 nan 0")),
        ("a.wrl", ""),
        ("a.wrl", VRML.replace(" 10 10 0,", " 10 10,")),
        ("a.wrl", VRML.replace("0,1,2,3,-1 ]\n }", "0,1,2,9,-1 ]\n }")),
        ("a.wrl", VRML.replace("0 10 1.5", "0 10 z")),
    ],
)
def test_damaged_scans_are_named(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        read_scan(tmp_path / name)


def test_scans_are_found_once_each_and_know_their_subject(tmp_path):
    folder = tmp_path / "subject_01" / "Model" / "frontal1" / "obj"
    folder.mkdir(parents=True)
    (folder / "1.obj").write_text(OBJ)
    (folder / "1.wrl").write_text(VRML)
    (tmp_path / "subject_02").mkdir()
    (tmp_path / "subject_02" / "2.wrl").write_text(VRML)
    first, second = iterate_florence(tmp_path)
    assert (first.subject, first.name) == ("subject_01", "subject_01/Model/frontal1/obj/1")
    assert first.path.suffix == ".obj"
    assert second.subject == "subject_02"
    assert len(second.read().triangles) == 2
    with pytest.raises(DataError, match=r"no \.obj"):
        next(iterate_florence(folder / "none"))
