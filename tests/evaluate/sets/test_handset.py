import numpy as np
import pytest
from PIL import Image

from damaged import NO_ARRAYS
from evaluate.hand_set_items import FACE_68, cfp_item
from lineament.data.samples.held_out import is_held_out
from lineament.errors import DataError
from lineament.evaluate.items import EvaluationSet, Prediction
from lineament.evaluate.protocols.handset_points import CFP_30, CFP_30_MIRRORED, FGNET_13, LONDON_23, SCHEMES
from lineament.evaluate.protocols.presets import PROTOCOLS
from lineament.evaluate.protocols.protocol import Crops
from lineament.evaluate.registry import SetOptions, load_set
from lineament.evaluate.run import evaluate
from lineament.geometry.topology import MIRROR_68
from shared import shared_path

PROFILES, FRONTALS = (PROTOCOLS[f"handset-{name}"] for name in ("profiles-all", "frontals-all"))


def write_set(folder, name, points):
    """Photographs in a folder, and the table of their points beside it."""
    (folder / name).mkdir()
    for photo in points:
        Image.new("RGB", (120, 120), (90, 90, 90)).save(folder / name / photo)
    np.savez(folder / f"{name}_points.npz", names=list(points), points=np.array(list(points.values())))


def profile(faces_right=True):
    """30 points of CFP: the ear at one side, the tip of the nose at the other."""
    points = np.random.default_rng(1).uniform(30, 90, (30, 2))
    points[0], points[21] = (20, 60), (100, 60)
    return points if faces_right else (120, 0) + points * (-1, 1)


def test_people_for_validation_are_scored_and_others_calibrate(tmp_path):
    names = ("007_profile_01.webp", "400_profile_02.webp", "401_profile_01.webp", "450_profile_04.webp")
    write_set(tmp_path, "cfp", {name: profile() for name in names})
    data = load_set("handset", SetOptions(data=tmp_path))
    assert [item.name for item in data.items] == ["cfp/401_profile_01.webp", "cfp/450_profile_04.webp"]
    assert [item.name for item in data.calibration] == ["cfp/007_profile_01.webp", "cfp/400_profile_02.webp"]


def test_everybody_who_is_scored_is_held_out_of_training():
    data = load_set("handset", SetOptions(data=shared_path("photos")))
    assert len(data.items) == 541
    for item in data.items:
        collection, _, photo = item.name.partition("/")
        assert is_held_out(collection, photo.rpartition(".")[0])
    for item in data.calibration:
        collection, _, photo = item.name.partition("/")
        assert not is_held_out(collection, photo.rpartition(".")[0])


def test_a_nose_that_points_to_the_left_is_on_the_mirrored_side_of_the_68(tmp_path):
    write_set(
        tmp_path, "cfp", {"401_profile_01.webp": profile(), "402_profile_01.webp": profile(faces_right=False)}
    )
    right, left = load_set("handset", SetOptions(data=tmp_path)).items
    assert (right.scheme, left.scheme) == (CFP_30.name, CFP_30_MIRRORED.name)
    mirrored = FACE_68[list(MIRROR_68)] * (-1, 1)
    np.testing.assert_allclose(CFP_30_MIRRORED.of_68(mirrored), CFP_30.of_68(FACE_68) * (-1, 1))


def test_the_box_of_half_a_frontal_face_is_that_of_the_whole(tmp_path):
    points = profile()
    points[:, 0] = np.interp(points[:, 0], (20, 100), (20, 60))
    points[18], points[8], points[21] = (60, 30), (60, 95), (60, 60)
    write_set(tmp_path, "cfp", {"401_frontal_01.webp": points})
    (item,) = load_set("handset", SetOptions(data=tmp_path)).items
    np.testing.assert_allclose(item.box_xyxy[[0, 2]], [20, 100])


def test_points_without_photographs_are_named(tmp_path):
    write_set(tmp_path, "cfp", {"401_profile_01.webp": profile()})
    (tmp_path / "cfp" / "401_profile_01.webp").unlink()
    with pytest.raises(DataError, match=r"lacks 1 photographs.*401_profile_01"):
        load_set("handset", SetOptions(data=tmp_path))


def test_a_folder_without_points_is_refused(tmp_path):
    with pytest.raises(DataError, match="no points that people set"):
        load_set("handset", SetOptions(data=tmp_path))


def test_tables_of_points_that_do_not_fit_their_names_are_refused(tmp_path):
    write_set(tmp_path, "cfp", {"401_profile_01.webp": profile()})
    np.savez(tmp_path / "cfp_points.npz", names=["a", "b"], points=np.zeros((1, 30, 2)))
    with pytest.raises(DataError, match="for 2 names expected"):
        load_set("handset", SetOptions(data=tmp_path))


def test_each_scheme_compares_different_landmarks_once():
    for scheme in SCHEMES.values():
        ours = [ours for _, ours in scheme.pairs]
        assert len(set(ours)) == len(ours)
        assert max(max(group) for group in ours) < 68
    assert FGNET_13.outer_eye_corners == (0, 3)
    assert LONDON_23.parts[-1] == "jaw"


class OffsetPredictor:
    """Says the truth, moved by the same for everybody."""

    name, crops, recipe = "mover", Crops.TRUTH, {"moves": 5}

    def predict(self, items):
        return [Prediction(landmarks_image=FACE_68 + np.array([5, 0])) for _ in items]

    def close(self):
        pass


def test_a_run_asks_for_the_calibration_faces_too_and_reports_only_those_that_are_scored(tmp_path):
    data = EvaluationSet(
        name="handset",
        title="one face",
        items=(cfp_item("scored"),),
        protocols=(PROFILES.name, FRONTALS.name),
        calibration=tuple(cfp_item(str(number)) for number in range(4)),
    )
    evaluation = evaluate(data, [OffsetPredictor()], out=tmp_path)
    assert [record.name for record in evaluation.records["mover"]] == ["scored"]
    assert [protocol.name for protocol in evaluation.protocols] == [PROFILES.name]
    assert evaluation.scores[PROFILES.name, "mover"].columns["mean"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("kind", NO_ARRAYS)
def test_a_damaged_table_of_points_is_named(tmp_path, kind):
    write_set(tmp_path, "cfp", {"401_profile_01.webp": profile()})
    (tmp_path / "cfp_points.npz").write_bytes(NO_ARRAYS[kind])
    with pytest.raises(DataError, match=r"cfp_points\.npz"):
        load_set("handset", SetOptions(data=tmp_path))
