import pytest

from lineament import errors

CHILDREN = ("ImageError", "BoxError", "WeightsError", "ModelError", "ExportError", "DataError", "ConfigError")


@pytest.mark.parametrize("name", CHILDREN)
def test_one_except_catches_every_error_of_ours(name):
    assert issubclass(getattr(errors, name), errors.LineamentError)
    assert name in errors.__doc__


def test_of_a_message_that_quotes_a_whole_file_the_rest_stays():
    long = errors.DataError(f"a.csv, line 1 is {'9' * 100_000}. Give a number.")
    assert str(long) == f"a.csv, line 1 is {'9' * 100}...{'9' * 39}. Give a number."
    many = str(errors.DataError(f"a.csv has {'a word ' * 10_000}. Give fewer."))
    assert len(many) == errors.MAX_LENGTH
    assert many.startswith("a.csv has a word")
    assert many.endswith("a word . Give fewer.")
    assert str(errors.DataError("a" * 1000)) == "a" * 1000
