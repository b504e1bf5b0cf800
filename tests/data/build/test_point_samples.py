import numpy as np
import pytest
from PIL import Image

from damaged import NO_ARRAYS
from lineament.data.build.point_samples import (
    LEFT_OUT,
    MESH_OF_68,
    PointSampleConfig,
    build_points,
    detector_points,
)
from lineament.data.photographs.collection import read_photo_collection
from lineament.data.samples.store import SampleStore
from lineament.errors import DataError
from lineament.geometry.topology import MIRROR_68

SIDE = 300


@pytest.fixture(scope="module")
def frontal(lfm):
    """(68, 2) px of a frontal face in the middle of a photograph."""
    points = lfm.landmark_points("300w-lp").neutral_model
    return 150 + points[:, :2] * [1.0, -1.0]


@pytest.fixture
def album(tmp_path, frontal):
    """Five photographs: detector's points on four of them, one of these tiny."""
    folder = tmp_path / "album"
    folder.mkdir()
    rng = np.random.default_rng(0)
    names = [f"Some_Body{n}_0001.png" for n in range(5)]
    for name in names:
        picture = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(picture).save(folder / name)
    points = np.stack([frontal + np.array([n, 0]) for n in range(4)])
    points[3] = 150 + (points[3] - 150) / 10
    depth = np.full((4, 68, 1), 777.0)
    quarters = np.round(32 * np.concatenate([points, depth], axis=2)).astype(np.int16)
    np.savez(tmp_path / "album_landmarks68_300wlp.npz", names=names[:4], landmarks68_q32=quarters)
    return folder


def config_of(album, out, labels="detector"):
    return PointSampleConfig((read_photo_collection(album),), labels, out, "mine", "make")


def test_points_of_a_detector_become_samples_without_a_face_or_a_depth(album, frontal, tmp_path):
    out = tmp_path / "samples"
    *_, (finished, parts, total) = build_points(config_of(album, out))
    assert (finished, parts, total) == (1, 1, 3)
    store = SampleStore(out)
    assert not store.has_coefficients().any()
    for number in range(3):
        sample = store[number]
        assert sample.image.shape == (224, 224, 3)
        assert sample.labels.camera is None
        points, weights = sample.labels.points.as_landmarks()
        assert sample.labels.points.source == "detector"
        assert (weights == 1).all()
        assert (points[:, 2] == 0).all()
        scale = min(140 / np.ptp(frontal, axis=0).max(), 1)
        middle = (frontal.min(0) + frontal.max(0)) / 2
        np.testing.assert_allclose(points[:, :2], 112 + (frontal - middle) * scale, atol=0.1)
    lines = (out / LEFT_OUT).read_text().splitlines()
    assert len(lines) == 3
    assert "no face was detected" in "".join(lines)
    assert "px large" in "".join(lines)
    assert store.recipe.licence == "mine"


def test_what_was_made_is_not_made_again(album, tmp_path):
    out = tmp_path / "samples"
    list(build_points(config_of(album, out)))
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.tar")}
    list(build_points(config_of(album, out)))
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.tar")} == before
    with pytest.raises(DataError, match="another recipe"):
        list(build_points(config_of(album, out, "hand")))


def test_points_that_people_set_keep_their_scheme(album, frontal, tmp_path):
    rows = ["photo:300w-lp,x36,y36,x45,y45,x30,y30,x48,y48,x54,y54"]
    five = frontal[[36, 45, 30, 48, 54]].ravel()
    rows.append("Some_Body1_0001.png," + ",".join(f"{value:.2f}" for value in five))
    (album / "landmarks.csv").write_text("\n".join(rows))
    out = tmp_path / "hand"
    *_, (_, _, total) = build_points(config_of(album, out, "hand"))
    assert total == 1
    points, weights = SampleStore(out)[0].labels.points.as_landmarks()
    assert weights.nonzero()[0].tolist() == [30, 36, 45, 48, 54]
    assert points[36, 0] < points[45, 0]


def test_a_mesh_gives_the_68_by_a_fixed_map(album, frontal, tmp_path):
    mesh = np.full((1, 478, 3), 150.0)
    mesh[0, list(MESH_OF_68), :2] = frontal
    np.savez(
        tmp_path / "album_landmarks.npz",
        names=["Some_Body0_0001.png"],
        mesh478_q32=np.round(32 * mesh).astype(np.int16),
    )
    out = tmp_path / "mesh"
    *_, (_, _, total) = build_points(config_of(album, out, "mesh478"))
    assert total == 1
    sample = SampleStore(out)[0]
    assert sample.labels.points.source == "mesh478"
    found = sample.labels.points.points_image[:, :2]
    for axis in range(2):
        assert np.corrcoef(found[:, axis], frontal[:, axis])[0, 1] > 0.9999


def test_a_detector_that_contradicts_the_mesh_is_not_believed(album, frontal, tmp_path):
    mesh = np.full((1, 478, 3), 10.0)
    np.savez(
        tmp_path / "album_landmarks.npz",
        names=["Some_Body0_0001.png"],
        mesh478_q32=np.round(32 * mesh).astype(np.int16),
    )
    out = tmp_path / "detector"
    *_, (_, _, total) = build_points(config_of(album, out))
    assert total == 2
    assert "detector and mesh are" in (out / LEFT_OUT).read_text()


def test_the_map_of_the_mesh_is_symmetric_where_both_are():
    assert len(MESH_OF_68) == 68
    assert len(set(MESH_OF_68)) == 68
    assert [MIRROR_68[n] for n in (36, 48, 17, 0)] == [45, 54, 26, 16]
    pairs = {33: 263, 133: 362, 61: 291, 78: 308, 70: 300, 127: 356, 234: 454, 152: 152, 4: 4}
    for number, point in enumerate(MESH_OF_68):
        if point in pairs:
            assert MESH_OF_68[MIRROR_68[number]] == pairs[point]


@pytest.mark.parametrize("kind", NO_ARRAYS)
def test_a_table_of_something_else_is_named(album, tmp_path, kind):
    (tmp_path / "album_landmarks68_300wlp.npz").write_bytes(NO_ARRAYS[kind])
    with pytest.raises(DataError, match="is no table of 68 points"):
        detector_points(read_photo_collection(album))
