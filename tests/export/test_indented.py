"""Text of JSON that is written sooner is that of Python's own encoder."""

import json
import math

import pytest

from lineament.export.indented import indented

VALUES = [
    None,
    True,
    -0.0,
    1e-17,
    'a "text", [not a list]\n é',
    [],
    {},
    [[]],
    [{}, [], ()],
    [1, 2.5, None, False, "x"],
    (1, (2, 3)),
    {"a": 1, "é": [1.25, None], "empty": {}, "list": [{"b": [[1, 2], [3, 4]]}, 5, "c,\n d"]},
    {"flat": 1, "also": None},
    {"deep": [[[[0.1, 0.2]], []]]},
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_it_writes_what_json_writes(value):
    assert indented(value) == json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False)


@pytest.mark.parametrize("value", [math.nan, [math.inf], {"a": [1, {"b": -math.inf}]}])
def test_what_is_not_finite_is_no_json(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        indented(value)


def test_what_json_does_not_know_is_refused():
    with pytest.raises(TypeError, match="not JSON serializable"):
        indented({"a": [1, {2}]})
