import numpy as np
import pytest

from evaluate.hand_set_items import FACE_68, cfp_item, found
from lineament.evaluate.protocols.handset_points import CFP_30, CFP_30_MIRRORED
from lineament.evaluate.protocols.presets import PROTOCOLS
from lineament.evaluate.scores.offsets import measured_offsets, offset_errors
from lineament.evaluate.scores.records import Record
from lineament.evaluate.scores.scoring import score

PROFILES = PROTOCOLS["handset-profiles-all"]
SIZE = np.sqrt(np.prod(np.ptp(CFP_30.of_68(FACE_68), axis=0)))


def test_a_constant_offset_costs_nothing_and_is_told_as_raw():
    items = [cfp_item("scored")]
    calibration = [(cfp_item(str(number)), found(str(number), (8, 0))) for number in range(3)]
    errors, columns = offset_errors(PROFILES, items, [found("scored", (8, 0))], calibration)
    assert errors[0] == pytest.approx(0, abs=1e-9)
    assert columns(errors)["raw"] == pytest.approx(100 * 8 / SIZE)


def test_offsets_are_mirrored_for_faces_that_look_the_other_way():
    calibration = [(cfp_item(str(number)), found(str(number), (8, 3))) for number in range(3)]
    items = [cfp_item("mirrored", CFP_30_MIRRORED)]
    usual = measured_offsets(PROFILES, calibration)
    other = measured_offsets(PROFILES, [(items[0], found("mirrored", (-8, 3)))] * 3)
    np.testing.assert_allclose(np.sign(other), np.sign(usual))


def test_only_what_is_wrong_beyond_the_offset_counts():
    calibration = [(cfp_item(str(number)), found(str(number), (8, 0))) for number in range(3)]
    errors, columns = offset_errors(PROFILES, [cfp_item("scored")], [found("scored", (8, 4))], calibration)
    assert errors[0] == pytest.approx(100 * 4 / SIZE)
    assert columns(errors)["jaw"] == pytest.approx(100 * 4 / SIZE)


def test_without_faces_for_calibration_there_is_no_score():
    assert score(PROFILES, [cfp_item("scored")], [found("scored")], predictor="t") is None


def test_a_face_that_is_not_found_is_counted_and_enters_no_mean():
    calibration = [(cfp_item(str(number)), found(str(number))) for number in range(3)]
    items = [cfp_item("here"), cfp_item("nowhere")]
    records = [found("here"), Record.nothing("nowhere")]
    result = score(PROFILES, items, records, predictor="t", calibration=calibration)
    assert (result.found, int(result.expected.sum())) == (1, 2)
    assert result.columns["mean"] == pytest.approx(0, abs=1e-9)
