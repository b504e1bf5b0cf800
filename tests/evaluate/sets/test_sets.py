import numpy as np
import pytest
from PIL import Image

from evaluate.items import FACE, PlainPhoto, item
from lineament.errors import ConfigError, DataError
from lineament.evaluate.items import LFM, EvaluationSet, Prediction
from lineament.evaluate.protocols.presets import PROTOCOLS
from lineament.evaluate.registry import SETS, SetOptions, load_set
from lineament.evaluate.reports.extras import extras
from lineament.evaluate.scores.records import Record
from lineament.evaluate.scores.scoring import score
from lineament.evaluate.sets.lfpa_points import nearest_vertices
from lineament.evaluate.sets.occlusion import load_occlusion
from lineament.evaluate.sets.scans import load_scans
from shared import shared_path

POINTS = FACE[:, :2] + 60


def write_pts(folder, name, points):
    Image.new("RGB", (120, 120), (90, 90, 90)).save(folder / f"{name}.png")
    lines = "\n".join(f"{x + 0.5} {y + 0.5}" for x, y in points)
    (folder / f"{name}.pts").write_text(f"version: 1\nn_points: {len(points)}\n{{\n{lines}\n}}\n")


def test_a_folder_of_pts_files_is_scored_over_the_distance_of_the_eyes(tmp_path):
    write_pts(tmp_path, "a", POINTS)
    data = load_set("pts", SetOptions(data=tmp_path))
    landmarks = np.column_stack([POINTS + np.array([3, 4]), np.zeros(68)])
    result = score(
        PROTOCOLS["interocular-51"], data.items, [Record(name="a", landmarks=landmarks)], predictor="t"
    )
    assert result.columns["mean"] == pytest.approx(100 * 5 / np.linalg.norm(POINTS[36] - POINTS[45]))


def test_frames_of_videos_are_scored_for_jitter(tmp_path):
    annotations = tmp_path / "001" / "annot"
    annotations.mkdir(parents=True)
    for number in range(1, 7):
        write_pts(annotations, f"{number:06}", POINTS)
    data = load_set("300vw", SetOptions(data=tmp_path))
    shifts = [0, 3, 0, 3, 0, 3]
    records = [
        Record(name=c.name, landmarks=np.column_stack([POINTS + np.array([shift, 0]), np.zeros(68)]))
        for c, shift in zip(data.items, shifts, strict=True)
    ]
    numbers = extras(data.items, records)
    assert numbers["jitter, %"] == pytest.approx(100 * 3 / 60, rel=0.01)
    assert numbers["detection rate, %"] == 100


def test_the_real_aflw_kit_scores_zero_on_its_own_points():
    data = load_set("aflw", SetOptions(data=shared_path("aflw_dev"), limit=300))
    assert len(data.items) == 300
    assert "Only the first 300 of 1500" in data.notes[-1]
    for one in data.items:
        points = one.landmarks["annotated"]
        shown = points[np.isfinite(points).all(axis=1)]
        assert (np.abs(shown - 60) < 110).all()  # in or near the crop
    truth = [Record(name=c.name, landmarks=from_21(c.landmarks["annotated"])) for c in data.items]
    result = score(PROTOCOLS["synergynet-aflw"], data.items, truth, predictor="t")
    assert result.columns["mean"] == pytest.approx(0, abs=1e-6)
    assert result.found == 300


def from_21(points):
    """68 points of which the 21 are as given; absent ones anywhere."""
    landmarks = np.zeros((68, 3))
    given = np.nan_to_num(points)
    single = {0: 17, 1: 19, 2: 21, 3: 22, 4: 24, 5: 26, 12: 2, 13: 31, 14: 30, 15: 35, 16: 14, 17: 48}
    for of_21, of_68 in (single | {19: 54, 20: 8, 6: 36, 8: 39, 9: 42, 11: 45}).items():
        landmarks[of_68, :2] = given[of_21]
    for of_21, ring, corners in ((7, (37, 38, 40, 41), (36, 39)), (10, (43, 44, 46, 47), (42, 45))):
        middle = (6 * given[of_21] - landmarks[list(corners), :2].sum(axis=0)) / 4
        landmarks[list(ring), :2] = middle
    landmarks[60:68, :2] = given[18]
    return landmarks


def test_points_on_the_mesh_are_found_by_nearness_on_frontal_faces(lfm):
    rng = np.random.default_rng(0)
    chosen = np.array([100, 2500, 8000])
    pairs = []
    for number in range(30):
        vertices = lfm.neutral_model.astype(float) * (1, -1, -1) + rng.uniform(50, 90, 3)
        truth = vertices[chosen, :2] + rng.normal(0, 0.3, (3, 2))
        visible = np.array([True, True, number % 2 == 0])
        truth[~visible] = 500.0
        face = item(number, landmarks={"annotated": truth}, visible=visible)
        pairs.append(
            (
                face,
                Prediction(landmarks_image=FACE, rotation=np.eye(3), vertices_image=vertices, topology=LFM),
            )
        )
    found = nearest_vertices(pairs, "annotated")
    flat = np.linalg.norm((lfm.neutral_model[found] - lfm.neutral_model[chosen])[:, :2], axis=1)
    assert flat.max() < 1.5
    with pytest.raises(DataError, match="frontal"):
        nearest_vertices(pairs[:5], "annotated")


def test_color_occlusions_keep_the_labels_and_tell_what_they_hide():
    base = EvaluationSet(name="aflw2000-3d", title="two", items=(item(0), item(1)), protocols=())
    data = load_occlusion("csod", base)
    assert len(data.items) == 6
    fractions = np.array([one.occlusion for one in data.items])
    assert ((fractions >= 0) & (fractions <= 1)).all()
    assert fractions.max() > 0.02
    for one in data.items:
        assert one.landmarks["original"] is base.items[int(one.name[4])].landmarks["original"]
        assert (one.visible.mean() < 1) <= (one.occlusion > 0) or one.occlusion < 0.2


def test_a_photograph_that_cannot_be_read_does_not_stop_the_making_of_an_occlusion_set():
    base = EvaluationSet(name="aflw2000-3d", title="two", items=(item(0), item(1, broken=True)), protocols=())
    data = load_occlusion("csod", base)
    unread = [one.name for one in data.items if one.visible is None]
    assert unread == ["face1_grey", "face1_color", "face1_tint"]
    with pytest.raises(DataError, match="damaged"):
        data.items[-1].photo.read()


def test_objects_need_pictures():
    base = EvaluationSet(name="aflw2000-3d", title="one", items=(item(0),), protocols=())
    with pytest.raises(DataError, match="--pictures"):
        load_occlusion("nsod", base)


def test_of_a_limited_set_no_more_is_made_and_the_report_says_so(monkeypatch):
    base = EvaluationSet(name="aflw2000-3d", title="two", items=(item(0), item(1)), protocols=())
    read = []
    monkeypatch.setattr(
        PlainPhoto, "read", lambda photo: read.append(1) or np.full((120, 120, 3), 90, np.uint8)
    )
    data = load_occlusion("csod", base, limit=4)
    assert [one.name for one in data.items] == ["face0_grey", "face0_color", "face0_tint", "face1_grey"]
    assert data.notes[-1] == "Only the first 4 of 6 faces."
    assert len(read) == 4


@pytest.fixture(scope="module")
def occluded_scans():
    """The first poses of a head behind colours, and the scans themselves."""
    scans = load_scans(shared_path("ict_facekit"), identities=1)
    return load_occlusion("csod", scans, limit=9), scans


def test_scans_behind_things_keep_their_exact_truth(occluded_scans):
    data, scans = occluded_scans
    assert data.name == "rendered-scans-csod"
    assert {"scans-dense-3d", "scans-reconstruction"} <= set(data.protocols)
    for number, one in enumerate(data.items):
        source = scans.items[number // 3]
        np.testing.assert_array_equal(one.surface().vertices_image, source.surface().vertices_image)
        region = one.region()
        drawn = (one.photo.read() != source.photo.read()).any(axis=-1)
        if one.name.endswith("tint"):
            assert one.visible.all()
            np.testing.assert_array_equal(region.shown, region.face)
        else:
            np.testing.assert_array_equal(region.shown, region.face & ~one.photo.read_with_mask()[1])
            assert drawn[region.face & ~region.shown].all()
        assert region.counted.mean() > 0.95
    # From the side half of the landmarks are behind the head itself.
    assert np.mean([one.own_visible.mean() for one in data.items if abs(one.angles_deg[1]) > 60]) < 0.7


def test_there_is_nothing_before_scans_by_nature(occluded_scans):
    with pytest.raises(ConfigError, match="no NOD"):
        load_occlusion("nod", occluded_scans[1])
    assert {f"rendered-scans-{name}" for name in ("csod", "nsod", "masks")} <= set(SETS)
    assert "rendered-scans-nod" not in SETS


def test_hidden_points_are_scored_where_the_head_itself_shows_them():
    truth = np.array([False] * 10 + [True] * 58)
    own = np.arange(68) < 40
    one = item(0, visible=truth, own_visible=own)
    visibility = np.where(truth, 0.9, 0.1)
    visibility[40:] = 0.0  # behind the head: wrong of the occluder, and not counted
    visibility[39] = 0.2  # one that is seen and said to be hidden
    [record] = [Record(name="face0", landmarks=np.zeros((68, 3)), visibility=visibility)]
    numbers = extras([one], [record])
    assert numbers["hidden points, share hidden, %"] == pytest.approx(100 * 10 / 40)
    assert numbers["hidden points, told rightly, %"] == pytest.approx(100 * 39 / 40)
    assert numbers["hidden points, average precision, %"] == pytest.approx(100)
    assert numbers["seen points, average precision, %"] == pytest.approx(100)
    everything = extras([item(0, visible=truth)], [record])
    assert everything["hidden points, told rightly, %"] == pytest.approx(100 * 39 / 68)


def test_an_unknown_set_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(ConfigError, match=r"'nonsense'.*aflw2000-3d"):
        load_set("nonsense", SetOptions(data=tmp_path))


@pytest.mark.parametrize("name", list(SETS))
def test_an_empty_folder_is_no_set_and_the_message_says_so(tmp_path, name):
    from lineament.errors import LineamentError

    with pytest.raises(LineamentError):
        load_set(name, SetOptions(data=tmp_path))
