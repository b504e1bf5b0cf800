import sqlite3
from contextlib import closing

import numpy as np
import pytest

from lineament.data.formats.aflw21 import iterate_aflw, iterate_aflw_kit
from lineament.errors import DataError
from shared import shared_path

TABLES = """
CREATE TABLE Faces (face_id INTEGER PRIMARY KEY, file_id TEXT, db_id TEXT);
CREATE TABLE FaceImages (image_id INTEGER PRIMARY KEY, db_id TEXT, file_id TEXT, filepath TEXT, bw INTEGER,
    width INTEGER, height INTEGER);
CREATE TABLE FaceRect (face_id INTEGER, x INTEGER, y INTEGER, w INTEGER, h INTEGER, annot_type_id INTEGER);
CREATE TABLE FacePose (face_id INTEGER, roll REAL, pitch REAL, yaw REAL, annot_type_id INTEGER,
    upsidedown INTEGER);
CREATE TABLE FeatureCoords (face_id INTEGER, feature_id INTEGER, x REAL, y REAL, annot_type_id INTEGER);
INSERT INTO Faces VALUES (39341, 'image1.jpg', 'flickr'), (39342, 'image1.jpg', 'flickr'), (50, 'b.jpg', '');
INSERT INTO FaceImages VALUES (1, 'flickr', 'image1.jpg', '0/image1.jpg', 0, 60, 40),
    (2, '', 'b.jpg', '2/b.jpg', 0, 60, 40);
INSERT INTO FaceRect VALUES (39341, 11, 21, 30, 40, 0);
INSERT INTO FacePose VALUES (39341, 0, 0.2, -0.5, 0, 0);
INSERT INTO FeatureCoords VALUES (39341, 1, 5, 6, 0), (39341, 21, 7, 8, 0), (39342, 2, 9, 9, 0);
"""


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "aflw.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(TABLES)
    return path


def test_the_sets_own_file_is_read_face_by_face(database, tmp_path, write_photo):
    write_photo(tmp_path / "flickr" / "0" / "image1.jpg")
    errors = []
    first, second = iterate_aflw(database, tmp_path / "flickr", errors=errors)
    assert (first.name, first.subject, first.scheme) == ("39341", "0/image1.jpg", "aflw-21")
    np.testing.assert_array_equal(first.landmarks[[0, 20]], [[4.5, 5.5], [6.5, 7.5]])
    assert np.isnan(first.landmarks[1:20]).all()
    np.testing.assert_array_equal(np.flatnonzero(first.visible), [0, 20])
    np.testing.assert_array_equal(first.box_xyxy, [10, 20, 40, 60])
    assert first.absolute_yaw == 0.5
    assert first.photo.read().shape == (40, 60, 3)
    np.testing.assert_array_equal(second.box_xyxy, [8.5, 8.5, 8.5, 8.5])
    assert np.isnan(second.absolute_yaw)
    assert "Face 50" in str(errors[0])


def test_a_file_that_is_not_aflws_is_named_and_none_is_made(tmp_path):
    (tmp_path / "no.sqlite").write_bytes(b"something else" * 100)
    for name in ("no.sqlite", "none.sqlite"):
        with pytest.raises(DataError, match=name):
            list(iterate_aflw(tmp_path / name, tmp_path))
    assert not (tmp_path / "none.sqlite").exists()


@pytest.fixture
def kit(tmp_path):
    """Labels of two faces: one cut from (10, 20) at half size, one without points."""
    points = np.full((2, 2, 21), -1.0)
    points[0, :, 3] = 11, 21  # the first pixel of the crop, counted from one
    points[0, :, 5] = 250, 260
    points[0, 1, 0] = 452  # an absent point whose mark was flipped
    np.save(tmp_path / "AFLW_GT_pts21.npy", points)
    np.save(tmp_path / "AFLW_GT_crop_roi_box.npy", np.array([[10, 20, 250, 260]] * 2, np.uint16))
    np.save(tmp_path / "AFLW_GT_crop_yaws.npy", np.array([-30.0, 5]))
    (tmp_path / "AFLW_GT_crop.list").write_text("a.jpg\nb.jpg\n")
    return tmp_path


def test_points_of_the_kit_are_carried_into_its_crops(kit):
    errors = []
    (item,) = iterate_aflw_kit(kit, kit, errors=errors)
    np.testing.assert_array_equal(item.landmarks[[3, 5]], [[0.25, 0.25], [119.75, 119.75]])
    assert item.present.sum() == item.visible.sum() == 2
    assert item.absolute_yaw == pytest.approx(np.pi / 6)
    assert "b.jpg" in str(errors[0])


def test_kits_that_do_not_fit_together_are_refused(kit):
    (kit / "AFLW_GT_crop.list").write_text("a.jpg\n")
    with pytest.raises(DataError, match="for 1 names"):
        list(iterate_aflw_kit(kit, kit))
    (kit / "AFLW_GT_crop.list").unlink()
    with pytest.raises(DataError, match="AFLW kit"):
        list(iterate_aflw_kit(kit, kit))


def test_the_real_crops_have_their_points_inside():
    folder = shared_path("aflw_dev")
    items = list(iterate_aflw_kit(folder / "aflw_dev.npz", folder / "aflw_dev.zip"))
    assert len(items) == 1500
    points = np.array([item.landmarks for item in items])
    there = np.isfinite(points).all(axis=-1)
    assert 1 - there.mean() == pytest.approx(0.308, abs=0.001)
    inside = ((points > 0) & (points < 120)).all(axis=-1)
    assert inside[there].mean() > 0.99
    # Eyes 8 and 11 (centres), chin 21: upright faces in their majority.
    assert np.nanmedian(points[:, 20, 1] - points[:, [7, 10], 1].mean(axis=1)) == pytest.approx(62, abs=3)
    assert items[0].photo.read().shape == (120, 120, 3)
