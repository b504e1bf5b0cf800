"""The page of expressions says what the report says."""

import json
from dataclasses import replace

from lineament.evaluate.expressions.report import ExpressionReport, to_json
from lineament.evaluate.expressions.round_trip import KeyReading
from tools.expression_page import page_of

GOOD = KeyReading(
    name="jawOpen",
    faces=11,
    raised=0.9,
    low=0.8,
    at_rest=0.02,
    other_side="",
    other=0.0,
    cross_key="mouthFunnel",
    cross=0.1,
)
BAD = replace(GOOD, name="eyeBlinkLeft", raised=0.5, other_side="eyeBlinkRight", other=0.41)
REPORT = ExpressionReport(
    weights="mine.lineament",
    faces=20,
    pictures=60,
    keys=(GOOD, BAD),
    passed_without_gaze=1,
    photographs=None,
)


def test_each_key_has_a_row_that_says_whether_it_is_measured():
    page = page_of(json.loads(to_json(REPORT)), unmeasured=set())
    assert "What the weights `mine` give" in page
    assert "1 of 2 do" in page.replace("\n", " ")
    assert "| `jawOpen` | 0.90 (0.80) | 0.02 |  | 0.10 `mouthFunnel` |  | passes |" in page
    assert "| `eyeBlinkLeft` | 0.50 (0.80) | 0.02 | 0.41 | 0.10 `mouthFunnel` |  | not measured |" in page


def test_keys_that_the_weights_report_as_0_are_marked():
    page = page_of(json.loads(to_json(REPORT)), unmeasured={"eyeBlinkLeft"})
    assert "|  | 0 |" in page
