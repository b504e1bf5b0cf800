import json
from dataclasses import replace

import numpy as np
import pytest

from evaluate.items import ShiftingPredictor, item, small_set
from lineament.errors import ConfigError
from lineament.evaluate.items import FaceRegion
from lineament.evaluate.reports.html import to_html
from lineament.evaluate.reports.report import to_json, to_markdown, write_report
from lineament.evaluate.run import evaluate

SHIFTS = {"face0": 6.0, "face2": None, "face3": 1.5}


def page(evaluation, predictor):
    return to_html(evaluation, {predictor.name: lambda c: predictor.predict([c])[0]})


def test_a_second_run_asks_for_nothing_and_gives_the_same_report(tmp_path):
    first, second = ShiftingPredictor(SHIFTS), ShiftingPredictor(SHIFTS)
    made, again = (evaluate(small_set(), [predictor], out=tmp_path) for predictor in (first, second))
    assert first.asked == ["face0", "face1", "face2", "face3"]
    assert second.asked == []
    assert to_json(made) == to_json(again)
    assert page(made, first) == page(again, second)


def test_a_run_that_was_stopped_goes_on(tmp_path):
    whole = small_set()
    evaluate(small_set(items=whole.items[:2]), [ShiftingPredictor(SHIFTS)], out=tmp_path)
    predictor = ShiftingPredictor(SHIFTS)
    resumed = evaluate(whole, [predictor], out=tmp_path)
    assert predictor.asked == ["face2", "face3"]
    assert to_json(resumed) == to_json(evaluate(whole, [ShiftingPredictor(SHIFTS)], out=tmp_path / "fresh"))


@pytest.mark.parametrize("workers", [1, 3])
def test_the_numbers_do_not_depend_on_the_workers(tmp_path, workers):
    evaluation = evaluate(small_set(), [ShiftingPredictor(SHIFTS)], out=tmp_path, workers=workers)
    names = [record.name for record in evaluation.records["shifter"]]
    assert names == ["face0", "face1", "face2", "face3"]
    errors = evaluation.scores["dsfnet-table1", "shifter"].errors
    np.testing.assert_allclose(errors, [10, 0, np.nan, 2.5], atol=1e-9)


def test_a_photograph_that_cannot_be_read_is_named_and_tried_again(tmp_path):
    data = small_set(items=(item(0), item(1, broken=True)))
    evaluation = evaluate(data, [ShiftingPredictor({})], out=tmp_path)
    assert evaluation.failed == (("shifter", "face1", "The picture is damaged."),)
    assert "The picture is damaged." in to_markdown(evaluation)
    predictor = ShiftingPredictor({})
    evaluate(small_set(items=(item(0), item(1))), [predictor], out=tmp_path)
    assert predictor.asked == ["face1"]


def test_reports_of_sets_that_know_what_is_hidden_score_face_masks(tmp_path):
    face = np.zeros((120, 120), bool)
    face[30:90, 30:90] = True
    shown = face.copy()
    shown[:, :60] = False
    region = FaceRegion(face, shown, np.ones_like(face))
    data = small_set(items=(item(0, region=lambda: region), item(1, region=lambda: region)))

    class Masker(ShiftingPredictor):
        def predict(self, items):
            masks = {"face0": shown.astype(np.float32), "face1": face.astype(np.float32)}
            made = super().predict(items)
            return [replace(one, face_mask=masks[i.name]) for one, i in zip(made, items, strict=True)]

    evaluation = evaluate(data, [Masker({}), ShiftingPredictor({}, name="maskless")], out=tmp_path)
    beside = json.loads(to_json(evaluation))["beside"]
    assert beside["shifter"]["face mask, IoU of what is seen, %"] == pytest.approx(75)
    assert beside["shifter"]["face mask, IoU of what is hidden, %"] == pytest.approx(50)
    assert not any("IoU" in name for name in beside["maskless"])
    again = evaluate(data, [Masker({})], out=tmp_path)
    assert json.loads(to_json(again))["beside"]["shifter"] == beside["shifter"]


def test_an_unknown_protocol_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(ConfigError, match=r"'nonsense'.*dsfnet-table1"):
        evaluate(small_set(), [], out=tmp_path, protocols=["nonsense"])


def test_the_page_needs_nothing_else_and_says_what_was_measured(tmp_path):
    predictor = ShiftingPredictor(SHIFTS, name="a <tool> & more")
    evaluation = evaluate(small_set(), [predictor], out=tmp_path)
    text = page(evaluation, predictor)
    assert "http" not in text
    assert "<script" not in text
    assert 'src="data:image/jpeg;base64,' in text
    assert "a &lt;tool&gt; &amp; more" in text
    assert "<tool>" not in text
    for words in ("square root of width x height", "mean of the three means by yaw", "SADRNet", "3 of 4"):
        assert words in text
    assert text.count("<svg") >= 3
    paths = write_report(evaluation, tmp_path, html=text)
    assert [path.name for path in paths] == ["report.json", "report.md", "report.html"]


def test_tables_hold_measured_and_published_rows_in_one(tmp_path):
    evaluation = evaluate(small_set(), [ShiftingPredictor(SHIFTS)], out=tmp_path)
    content = json.loads(to_json(evaluation))
    sparse = content["protocols"][0]
    assert sparse["measured"]["shifter"]["0-30"] == pytest.approx(5.0)
    assert sparse["measured"]["shifter"]["found"] == 3
    assert sparse["published"]["DSFNet"]["mean"] == 3.27
    assert len(sparse["choices"]) == 8
    markdown = to_markdown(evaluation)
    assert "| **shifter** | 5.00 |  | 2.50 |" in markdown
    assert "| DSFNet (published) | 2.46 | 3.20 | 4.16 | 3.27 |" in markdown


def test_what_is_known_of_other_faces_of_the_same_names_is_not_taken(tmp_path):
    evaluate(small_set(), [ShiftingPredictor(SHIFTS)], out=tmp_path)
    moved = item(1)
    other = {name: points + 5 for name, points in moved.landmarks.items()}
    predictor = ShiftingPredictor(SHIFTS)
    evaluate(small_set(items=(item(0), replace(moved, landmarks=other))), [predictor], out=tmp_path)
    assert predictor.asked == ["face1"]


def test_two_predictors_of_one_name_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="the same name among shifter, shifter"):
        evaluate(small_set(), [ShiftingPredictor({}), ShiftingPredictor(SHIFTS)], out=tmp_path)


def test_photographs_may_be_called_anything_in_a_report(tmp_path):
    named = replace(item(0), name="<script>alert(1)</script>$title caf\udce9")
    predictor = ShiftingPredictor({})
    evaluation = evaluate(small_set(items=(named, item(1))), [predictor], out=tmp_path)
    paths = write_report(evaluation, tmp_path / "report", html=page(evaluation, predictor))
    html = next(path for path in paths if path.suffix == ".html").read_text(encoding="utf-8")
    assert "<script>" not in html
    assert evaluate(small_set(items=(named,)), [ShiftingPredictor({})], out=tmp_path).records
