import pytest

from lineament.view import write_folder


@pytest.fixture(scope="session")
def page_folder(tmp_path_factory):
    """The page with all it needs."""
    return write_folder(tmp_path_factory.mktemp("page"))
