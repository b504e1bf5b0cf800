import numpy as np
import pytest

from lineament.export.decimals import lines_of


def plainly(keyword, values, digits):
    return "".join(
        " ".join([keyword, *(f"{value + 0.0:.{digits}f}" for value in np.round(row, digits))]) + "\n"
        for row in values.astype(np.float64)
    )


@pytest.mark.parametrize("digits", [1, 4, 6])
@pytest.mark.parametrize("spread", [1e-5, 1.0, 300.0, 1e6])
def test_lines_are_those_that_python_writes(digits, spread):
    values = np.random.default_rng(0).normal(0, spread, (500, 3)).astype(np.float32)
    values[0] = 0, -1e-9, 1
    assert lines_of("v", values, digits=digits).decode() == plainly("v", values, digits)


def test_numbers_too_large_for_digits_are_written_all_the_same():
    text = lines_of("v", np.array([[1e12, 0.5, -2.0]]), digits=4).decode()
    assert text.split() == ["v", "1000000000000.0000", "0.5000", "-2.0000"]


def test_no_row_is_no_line():
    assert lines_of("v", np.zeros((0, 3)), digits=4) == b""
