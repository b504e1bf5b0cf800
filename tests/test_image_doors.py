"""What is given or written in the place of a photo, and what the error says to do about it."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.errors import ExportError, ImageError
from lineament.export import export_json
from lineament.image import read_image, write_image

RED = Image.new("RGB", (8, 6), "red")


def jpeg(picture=RED):
    stream = io.BytesIO()
    picture.save(stream, "JPEG")
    return stream.getvalue()


@pytest.mark.parametrize(
    "address",
    ["https://example.com/a.jpg", "s3://album/a.jpg", "file:///a.jpg", "data:image/jpeg;base64,AAAA"],
)
def test_an_address_is_told_from_a_file_that_is_missing(address):
    with pytest.raises(ImageError, match=r"is an address, and nothing is fetched here\. Save") as caught:
        read_image(address)
    assert str(caught.value).startswith(address)


def test_a_file_whose_name_looks_like_an_address_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "http:").mkdir()
    (tmp_path / "http:" / "a.jpg").write_bytes(jpeg())
    assert read_image("http://a.jpg").shape == (6, 8, 3)


def test_a_tilde_is_a_word_of_the_shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImageError, match="~ is no folder but a shell's word"):
        read_image("~/a.jpg")
    (tmp_path / "~").mkdir()
    (tmp_path / "~" / "a.jpg").write_bytes(jpeg())
    assert read_image("~/a.jpg").shape == (6, 8, 3)


@pytest.mark.parametrize("given", ["", b""])
def test_nothing_is_not_the_working_folder(given):
    with pytest.raises(ImageError, match=r"is empty|holds no data"):
        read_image(given)


class Tensor:
    """An array of another library."""

    def __array__(self):
        return np.zeros((3, 4, 4))


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (Tensor(), r"found Tensor\. Make it an array, its channels last"),
        ([RED, RED], r"found list\. Many photos go to `align_many`"),
        ((each for each in [RED]), r"found generator\. Many photos go to `align_many`"),
        (None, r"found NoneType\.$"),
    ],
)
def test_what_looks_like_a_photo_or_several_gets_advice(given, advice):
    with pytest.raises(ImageError, match=advice):
        read_image(given)


def test_a_stream_that_was_read_before_says_where_it_stands(tmp_path):
    stream = io.BytesIO(jpeg())
    stream.seek(7)
    with pytest.raises(ImageError, match="the given file object from its byte 7 on is not a photo"):
        read_image(stream)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF"])
def test_the_beginning_of_a_photo_is_told_from_something_else(kind):
    stream = io.BytesIO()
    RED.save(stream, kind)
    start = stream.getvalue()[: 3 if kind == "JPEG" else 8]
    with pytest.raises(ImageError, match=f"begins as a {kind} does.*cut short or damaged"):
        read_image(start)


def test_a_text_is_called_one():
    with pytest.raises(ImageError, match=r"not a photo in a format known here \(it is text\)"):
        read_image(b"dear diary,\r\n\ttoday")


def test_a_closed_picture_is_not_said_to_be_damaged():
    picture = RED.copy()
    picture.close()
    with pytest.raises(ImageError, match="give it before it is closed"):
        read_image(picture)


def test_grey_with_alpha_multiplied_in_is_read_as_it_looks():
    grey = Image.new("LA", (4, 4), (100, 255))
    np.testing.assert_array_equal(read_image(grey.convert("La")), read_image(grey))


@pytest.mark.parametrize(("suffix", "limit"), [(".jpg", 65_500), (".webp", 16_383)])
def test_pictures_that_a_format_cannot_hold_are_refused_with_its_limit(tmp_path, suffix, limit, capfd):
    path = tmp_path / f"a{suffix}"
    with pytest.raises(ImageError, match=rf"sides of at most {limit} px, found 1 x {limit + 1}\. End"):
        write_image(path, np.zeros((limit + 1, 1, 3), np.uint8))
    assert not path.exists()
    assert capfd.readouterr().err == ""  # the encoder would write a line of its own
    write_image(tmp_path / "a.png", np.zeros((limit + 1, 1, 3), np.uint8))


@pytest.mark.parametrize("path", [None, 3, io.BytesIO(), ["a.png"]])
def test_a_file_to_write_is_named_by_a_path(path):
    with pytest.raises(ImageError, match=f"found {type(path).__name__}"):
        write_image(path, np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ExportError, match=f"found {type(path).__name__}"):
        export_json([], path)


def test_a_file_to_write_has_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("", Path("")):
        with pytest.raises(ExportError, match=r"is empty|Cannot write \."):
            export_json([], path)
    assert not list(tmp_path.iterdir())
