import pytest

from lineament import errors

CHILDREN = ("ImageError", "BoxError", "WeightsError", "ModelError", "ExportError", "DataError", "ConfigError")


@pytest.mark.parametrize("name", CHILDREN)
def test_one_except_catches_every_error_of_ours(name):
    assert issubclass(getattr(errors, name), errors.LineamentError)
    assert name in errors.__doc__


def test_a_message_that_quotes_a_whole_file_loses_its_middle_and_keeps_what_to_do():
    long = errors.DataError(f"a.csv, line 1 is {'9' * 100_000}. Give a number.")
    assert len(str(long)) == errors.MAX_LENGTH
    assert str(long).startswith("a.csv, line 1 is 999")
    assert str(long).endswith("999. Give a number.")
    assert str(errors.DataError("a" * 1000)) == "a" * 1000
