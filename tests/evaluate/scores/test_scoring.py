import numpy as np
import pytest

from evaluate.items import FACE, ShiftingPredictor, item, small_set
from lineament.evaluate.protocols.presets import PROTOCOLS
from lineament.evaluate.run import record_of
from lineament.evaluate.scores.records import Record
from lineament.evaluate.scores.scoring import score
from lineament.geometry.rotation import matrix_from_angles

SPARSE = PROTOCOLS["dsfnet-table1"]


def scored(protocol, data, shifts):
    predictor = ShiftingPredictor(shifts)
    records = [record_of(c, p, ()) for c, p in zip(data.items, predictor.predict(data.items), strict=True)]
    return score(protocol, data.items, records, predictor="shifter")


def test_a_shift_of_six_px_on_a_face_of_sixty_is_ten_percent_in_its_bin():
    result = scored(SPARSE, small_set(), {"face0": 6.0, "face3": 3.0})
    assert result.columns == pytest.approx(
        {"0-30": 5.0, "30-60": 0.0, "60-90": 5.0, "mean": 10 / 3, "mean of images": 3.75}
    )
    assert result.found == 4
    np.testing.assert_allclose(result.errors, [10, 0, 0, 5])


def test_faces_not_found_are_told_and_fail_but_enter_no_mean():
    result = scored(SPARSE, small_set(), {"face1": None, "face0": 6.0})
    assert result.found == 3
    assert result.expected.sum() == 4
    assert result.columns["0-30"] == pytest.approx(10.0)
    assert result.failures == pytest.approx(1 / 4)
    assert result.area == pytest.approx((1 + 1 + 0 + 0) / 4)


def test_re_annotated_labels_are_scored_by_themselves():
    result = scored(PROTOCOLS["synergynet-reannotated"], small_set(), {})
    np.testing.assert_allclose(result.errors, 100 * 1.2 / 60)


def test_the_mean_over_images_is_the_headline_where_the_protocol_says_so():
    result = scored(PROTOCOLS["sadrnet-table1-mean"], small_set(), {"face0": 6.0})
    assert result.columns["mean"] == pytest.approx(2.5)
    assert "mean of images" not in result.columns


def test_an_error_in_depth_counts_only_in_three_dimensions():
    items = small_set().items
    bent = FACE + np.array([60, 60, 0])
    bent[:34, 2] += 6
    bent[34:, 2] -= 6
    records = [Record(name=c.name, landmarks=bent) for c in items]
    assert score(SPARSE, items, records, predictor="t").columns["mean"] == pytest.approx(0)
    spatial = score(PROTOCOLS["sadrnet-table1-3d"], items, records, predictor="t")
    assert spatial.columns["mean"] == pytest.approx(10.0)


@pytest.mark.parametrize("turn_deg", [3.0, -7.5])
def test_a_truth_turned_by_an_angle_has_that_error(turn_deg):
    items = small_set().items
    rotated = [
        Record(
            name=c.name,
            landmarks=c.landmarks["original"],
            rotation=matrix_from_angles(np.radians(c.yaw_deg["FITTED"] + turn_deg), 0.0, 0.0),
        )
        for c in items
    ]
    columns = score(PROTOCOLS["dsfnet-pose"], items, rotated, predictor="t").columns
    expected = {"yaw": abs(turn_deg), "pitch": 0, "roll": 0, "mean": abs(turn_deg) / 3, "turn": abs(turn_deg)}
    assert columns == pytest.approx(expected, abs=1e-6)


def test_poses_beyond_99_degrees_are_left_out():
    data = small_set(yaws=(0.0, 120.0))
    assert scored(PROTOCOLS["dsfnet-pose"], data, {}).expected.tolist() == [True, False]


def test_the_balanced_subset_has_as_many_faces_of_each_bin_and_stays_the_same():
    data = small_set(yaws=tuple(np.repeat([5.0, 40.0, 80.0], [9, 4, 6])))
    first, second = (scored(PROTOCOLS["zhou-table1"], data, {}) for _ in range(2))
    assert first.expected.sum() == 12
    assert first.expected[:9].sum() == first.expected[9:13].sum() == 4
    np.testing.assert_array_equal(first.expected, second.expected)


def test_a_set_without_the_labels_has_no_score():
    data = small_set(items=(item(0, landmarks={"original": FACE}),))
    assert scored(PROTOCOLS["synergynet-reannotated"], data, {}) is None
    assert scored(PROTOCOLS["sparse-manual-yaw"], data, {}) is None
    assert scored(PROTOCOLS["dsfnet-table2"], data, {}) is None


def test_only_annotated_points_of_aflw_count():
    truth = np.full((21, 2), np.nan)
    truth[[0, 5, 20]] = [[10, 10], [50, 10], [30, 50]]
    aflw = item(0, landmarks={"annotated": truth}, size=50.0, yaw_deg={"SET": 20.0})
    landmarks = np.full((68, 3), 1000.0)
    landmarks[[17, 26, 8], :2] = truth[[0, 5, 20]] + (3, 4)
    result = score(
        PROTOCOLS["synergynet-aflw"], [aflw], [Record(name="face0", landmarks=landmarks)], predictor="t"
    )
    assert result.errors[0] == pytest.approx(10.0)
