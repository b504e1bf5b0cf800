import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from lineament.data.photographs.backgrounds import (
    WITH_CARVED_FACES,
    WITH_PEOPLE,
    is_held_out,
    read_backgrounds,
    training_backgrounds,
)
from lineament.errors import DataError, ImageError


def write_archive(path, stems):
    with zipfile.ZipFile(path, "w") as archive:
        for stem in stems:
            file = io.BytesIO()
            Image.fromarray(np.full((8, 9, 3), stem % 200, np.uint8)).save(file, "JPEG")
            archive.writestr(f"{stem}.jpg", file.getvalue())


def test_training_sees_only_its_half_and_nobody_in_it(tmp_path):
    stems = [*range(1000, 1040), *sorted(WITH_PEOPLE)[:5], *WITH_CARVED_FACES]
    write_archive(tmp_path / "pictures.zip", stems)
    everything = read_backgrounds(tmp_path / "pictures.zip")
    assert sorted(map(int, everything)) == sorted(stems)
    expected = [stem for stem in range(1000, 1040) if not is_held_out(str(stem))]
    assert len(training_backgrounds(tmp_path / "pictures.zip")) == len(expected)
    assert 8 < len(expected) < 32


def test_what_is_no_archive_of_pictures_is_one_clear_line(tmp_path):
    path = tmp_path / "backgrounds.zip"
    path.write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"backgrounds\.zip is neither a folder nor a zip file"):
        read_backgrounds(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(ImageError, match=r"a\.jpg is not a photo .*PostScript"):
        read_backgrounds(path)
