import numpy as np
import pytest
from PIL import Image

from faces import egg_face
from lineament.errors import ExportError
from lineament.export import export_depth, face_maps, maps
from lineament.export.map_files import write_maps
from lineament.geometry.raster import rasterize

SIZE = (200, 240)


def test_depth_is_in_mm_behind_the_nearest_point_and_nan_elsewhere():
    face = egg_face(center_xy=(100, 100), scale=0.5)
    depth = face_maps([face], SIZE).depth_mm
    assert depth.shape == SIZE
    assert np.isnan(depth[0, 0])
    assert np.nanmin(depth) == pytest.approx(0, abs=2)
    # 30 mm to the side of the middle of an ellipsoid of 70, 95, 80 mm, whose nose stands 22 mm out.
    beside = 80 * np.sqrt(1 - (30 / 70) ** 2)
    assert depth[100, 115] == pytest.approx(80 + 22 - beside, abs=3)


@pytest.mark.parametrize("yaw", [0.0, 0.6])
def test_pncc_says_which_point_is_seen_whatever_the_pose(yaw):
    face = egg_face(center_xy=(100, 100), scale=0.9, yaw=yaw)
    pncc = face_maps([face], SIZE).pncc_rgb / 255
    neutral = face.model.neutral_model
    code = (neutral - neutral.min(axis=0)) / np.ptp(neutral, axis=0)
    visible = face.visibility > 0.99
    x, y = face.vertices_image[visible, :2].astype(int).T
    assert np.abs(pncc[y, x] - code[visible]).mean() < 0.01


def test_directions_are_those_of_the_photo_with_y_up():
    normals = face_maps([egg_face(center_xy=(100, 100), scale=0.5)], SIZE).normals_rgb.astype(int)
    assert normals[100, 130, 0] > 200
    assert normals[60, 100, 1] > 190
    assert normals[110, 100, 2] > 200
    assert (normals[0, 0] == 0).all()


def test_parts_are_numbered_from_one_in_the_models_order():
    face = egg_face(center_xy=(100, 100), scale=0.5)
    maps = face_maps([face], SIZE)
    assert maps.part_names == ("face", "back")
    triangle = rasterize(face.vertices_image, face.triangles, size_hw=SIZE).triangle_index
    expected = np.where(triangle < 0, 0, np.where(triangle < len(face.triangles) // 2, 1, 2))
    assert (maps.parts == expected).mean() > 0.999
    assert set(np.unique(maps.parts_picture)) == {0, 127, 254}


def test_the_larger_face_is_before_the_smaller_and_borders_do_not_matter():
    faces = [egg_face(center_xy=(0, 100), scale=1.0), egg_face(center_xy=(60, 100), scale=0.2)]
    maps, large = face_maps(faces, SIZE), face_maps(faces[:1], SIZE)
    np.testing.assert_array_equal(maps.depth_mm[:, :60], large.depth_mm[:, :60])
    assert face_maps([egg_face(center_xy=(-900, 0))], SIZE).parts.max() == 0
    assert np.isnan(face_maps([], SIZE).depth_mm).all()


@pytest.fixture
def small_bands(monkeypatch):
    monkeypatch.setattr(maps, "BAND_PX", 7 * SIZE[1])


FACES = [egg_face(center_xy=(0, 100), scale=1.0, yaw=0.4), egg_face(center_xy=(150, 60), scale=0.3)]


def test_bands_are_the_rows_of_the_whole(small_bands):
    bands = [
        (band.depth_mm.copy(), band.pncc_rgb.copy(), band.parts.copy())
        for band in maps.map_bands(FACES, SIZE)
    ]
    assert len(bands) == 29
    whole = face_maps(FACES, SIZE)
    for number, expected in enumerate((whole.depth_mm, whole.pncc_rgb, whole.parts)):
        np.testing.assert_array_equal(np.concatenate([band[number] for band in bands]), expected)


def test_where_a_band_ends_makes_no_difference(monkeypatch):
    whole = face_maps(FACES, SIZE)
    monkeypatch.setattr(maps, "BAND_PX", 7 * SIZE[1])
    banded = face_maps(FACES, SIZE)
    np.testing.assert_array_equal(banded.parts, whole.parts)
    np.testing.assert_allclose(banded.depth_mm, whole.depth_mm, atol=1e-4)
    assert np.abs(banded.pncc_rgb.astype(int) - whole.pncc_rgb).max() <= 1
    assert np.abs(banded.normals_rgb.astype(int) - whole.normals_rgb).max() <= 1


def test_files_hold_what_the_maps_hold(tmp_path, small_bands):
    names = {
        "depth": "d.png",
        "depth_mm": "d.npz",
        "pncc": "pncc.png",
        "normals": "normals.png",
        "parts": "parts.png",
    }
    write_maps(FACES, SIZE, {kind: tmp_path / name for kind, name in names.items()})
    whole = face_maps(FACES, SIZE)
    for kind, expected in (("pncc", whole.pncc_rgb), ("normals", whole.normals_rgb), ("parts", whole.parts)):
        with Image.open(tmp_path / names[kind]) as picture:
            np.testing.assert_array_equal(np.asarray(picture), expected)
    export_depth(whole, tmp_path / "e.png")
    with Image.open(tmp_path / "d.png") as ours, Image.open(tmp_path / "e.png") as pillows:
        assert ours.text == pillows.text
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(pillows))
    with np.load(tmp_path / "d.npz") as data:
        np.testing.assert_array_equal(data["depth_mm"], whole.depth_mm)
        assert data["step_mm"] == 0.01
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names.values(), "e.png"])


def test_maps_that_cannot_be_written_leave_nothing(tmp_path):
    with pytest.raises(ExportError, match="nowhere"):
        write_maps(FACES, SIZE, {"parts": tmp_path / "p.png", "pncc": tmp_path / "nowhere" / "n.png"})
    assert list(tmp_path.iterdir()) == []


def test_depth_comes_back_from_both_files(tmp_path):
    maps = face_maps([egg_face(center_xy=(100, 100), scale=0.5)], SIZE)
    export_depth(maps, tmp_path / "d.png")
    export_depth(maps, tmp_path / "d.npz")
    with Image.open(tmp_path / "d.png") as picture:
        assert picture.mode.startswith("I")
        assert "0.01" in picture.text["lineament:depth"]
        steps = np.asarray(picture).astype(np.float64)
    np.testing.assert_array_equal(steps == 0, np.isnan(maps.depth_mm))
    np.testing.assert_allclose((steps - 1) * 0.01, np.nan_to_num(maps.depth_mm, nan=-0.01), atol=0.006)
    with np.load(tmp_path / "d.npz") as data:
        np.testing.assert_array_equal(data["depth_mm"], maps.depth_mm)
    with pytest.raises(ExportError, match=r"\.png or \.npz"):
        export_depth(maps, tmp_path / "d.jpg")


def test_parts_have_colours_in_pictures_and_stay_numbers(tmp_path):
    write_maps(FACES, SIZE, {"parts": tmp_path / "p.png"})
    parts = face_maps(FACES, SIZE).parts
    with Image.open(tmp_path / "p.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), parts)
        colors = np.asarray(picture.convert("RGB"))
    assert (colors[parts == 0] == 0).all()
    assert {tuple(color) for color in colors[parts == 1]} == {(231, 186, 156)}
    assert {tuple(color) for color in colors[parts == 2]} <= {(96, 190, 255)}
