import pytest

from lineament import errors

CHILDREN = ("ImageError", "BoxError", "WeightsError", "ModelError", "ExportError", "DataError", "ConfigError")


@pytest.mark.parametrize("name", CHILDREN)
def test_one_except_catches_every_error_of_ours(name):
    assert issubclass(getattr(errors, name), errors.LineamentError)
    assert name in errors.__doc__
