import pytest

from lineament.errors import DataError, ImageError, ModelError
from lineament.foreign import foreign, reason_of


@pytest.mark.parametrize(
    "error",
    [AssertionError(), KeyError("a"), RecursionError("deep"), MemoryError(), OverflowError("x"), EOFError()],
)
def test_any_exception_becomes_ours_with_file_reason_and_remedy(error):
    expected = pytest.raises(ModelError, match=r"^a\.bin cannot be read \(.+\)\. Copy it\.$")
    with expected, foreign(ModelError, "a.bin cannot be read", "Copy it."):
        raise error


def test_our_own_errors_pass_and_interrupts_too():
    for error in (DataError("mine"), KeyboardInterrupt()):
        with pytest.raises(type(error)), foreign(ImageError, "a", "b"):
            raise error


def test_a_reason_is_one_short_line():
    assert reason_of(ValueError("two\n lines")) == "two lines"
    assert reason_of(KeyError("name")) == "KeyError: 'name'"
    assert reason_of(AssertionError()) == "AssertionError"
    assert reason_of(RecursionError("max")) == "it is nested too deeply"
    assert len(reason_of(ValueError("a" * 5000))) < 250
