import numpy as np
import pytest

from lineament.data.fitting.fits import KeptFits, chosen_fits, load_fits, save_fits
from lineament.data.fitting.fitter import Fits
from lineament.errors import DataError


@pytest.fixture
def kept():
    """Three fits with numbers that differ."""
    rng = np.random.default_rng(0)
    shapes = {"rotation": (3, 3, 3), "scale": (3,), "translation": (3, 3), "identity": (3, 5)}
    shapes |= {"expression": (3, 4), "residual": (3,), "outliers": (3,)}
    fits = Fits(**{name: rng.normal(size=shape) for name, shape in shapes.items()})
    return KeptFits("album", ("a.jpg", "zoë.jpg", "c/d.png"), "lfm", fits)


def test_fits_come_back_from_a_file_as_they_were(kept, tmp_path):
    path = tmp_path / "new folder" / "album.npz"
    save_fits(path, kept)
    back = load_fits(path)
    assert (back.collection, back.photo_names, back.model) == (kept.collection, kept.photo_names, kept.model)
    for name in Fits.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(back.fits, name), getattr(kept.fits, name))
    assert [entry.name for entry in path.parent.iterdir()] == ["album.npz"]


def test_a_file_cut_short_is_named_in_the_error(kept, tmp_path):
    path = tmp_path / "album.npz"
    save_fits(path, kept)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match=r"album\.npz"):
        load_fits(path)


def test_an_archive_of_something_else_is_an_error(tmp_path):
    np.savez(tmp_path / "other.npz", answer=42)
    with pytest.raises(DataError, match="fit the photographs again"):
        load_fits(tmp_path / "other.npz")


def test_some_fits_are_chosen_like_rows_of_an_array(kept):
    part = chosen_fits(kept.fits, np.array([False, True, True]))
    np.testing.assert_array_equal(part.identity, kept.fits.identity[1:])
    assert part.rotation.shape == (2, 3, 3)
