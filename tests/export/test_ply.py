from dataclasses import replace

import numpy as np
import pytest

from export.readers import read_ply
from faces import egg_face
from lineament.errors import ExportError
from lineament.export import export_ply
from lineament.export.ply import vertex_colors
from lineament.geometry.mesh import vertex_normals


def columns(rows, *names):
    return np.stack([rows[name] for name in names], axis=1)


def test_the_file_holds_the_head_in_mm_with_normals(tmp_path):
    face = egg_face(yaw=0.6)
    export_ply(face, tmp_path / "egg.ply")
    rows, triangles = read_ply(tmp_path / "egg.ply")
    points = columns(rows, "x", "y", "z")
    np.testing.assert_allclose(points, face.model.neutral_model, atol=1e-3)
    np.testing.assert_array_equal(triangles, face.triangles)
    np.testing.assert_allclose(columns(rows, "nx", "ny", "nz"), vertex_normals(points, triangles), atol=1e-5)


def test_colours_are_those_of_the_photo_where_the_vertices_fall(tmp_path):
    photo = np.zeros((200, 200, 3), np.uint8)
    photo[:, 100:] = (250, 10, 60)
    face = egg_face(center_xy=(100, 100), scale=0.5)
    export_ply(face, tmp_path / "egg.ply", colors_rgb=vertex_colors(face, photo))
    rows, _ = read_ply(tmp_path / "egg.ply")
    colors = columns(rows, "red", "green", "blue")
    right = rows["x"] > 5
    assert (colors[right] == (250, 10, 60)).all()
    assert (colors[rows["x"] < -5] == 0).all()


def test_colours_are_one_a_vertex(tmp_path):
    with pytest.raises(ExportError, match="colours of shape"):
        export_ply(egg_face(), tmp_path / "egg.ply", colors_rgb=np.zeros((5, 3), np.uint8))


def test_a_mesh_that_is_not_finite_is_refused(tmp_path):
    face = egg_face()
    with pytest.raises(ExportError, match="finite"):
        export_ply(replace(face, vertices_image=face.vertices_image * np.inf), tmp_path / "egg.ply")
    assert list(tmp_path.iterdir()) == []
