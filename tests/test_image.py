import contextlib
import errno
import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lineament.errors import ImageError
from lineament.image import as_picture, check_image, read_image, read_picture, size_wh, write_image
from lineament.image.formats import FORMATS


def encoded(picture, kind, **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def png16(values, color_type):
    """A PNG of 16 bits a channel, which Pillow cannot write for RGB."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, color_type, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.fixture
def photo():
    return np.random.default_rng(1).integers(0, 256, (7, 5, 3), dtype=np.uint8)


def test_every_kind_of_source_gives_the_same_photo(photo, tmp_path):
    path = tmp_path / "photo.png"
    write_image(path, photo)
    content = path.read_bytes()
    with path.open("rb") as stream, Image.open(path) as picture:
        for source in (
            path,
            str(path),
            content,
            bytearray(content),
            io.BytesIO(content),
            stream,
            picture,
            photo,
        ):
            np.testing.assert_array_equal(read_image(source), photo)
        assert not stream.closed


@pytest.mark.parametrize("kind", [*FORMATS, "MPO"])
def test_every_format_of_photographs_is_read(kind):
    picture = Image.linear_gradient("L").resize((40, 32)).convert("RGB")
    several = {"save_all": True, "append_images": [picture.rotate(180)]} if kind == "MPO" else {}
    read = read_image(encoded(picture, kind, **several))
    assert np.abs(read.astype(int) - np.asarray(picture)).mean() < 4


def test_a_picture_read_is_pillows_or_the_array_that_was_given(photo):
    assert read_picture(photo) is photo
    picture = read_picture(encoded(Image.fromarray(photo), "PNG"))
    assert isinstance(picture, Image.Image)
    assert as_picture(picture) is picture
    np.testing.assert_array_equal(np.asarray(picture), photo)
    np.testing.assert_array_equal(np.asarray(as_picture(photo)), photo)
    assert size_wh(photo) == size_wh(picture) == (5, 7)


def test_a_picture_that_is_no_photo_says_so():
    with pytest.raises(ImageError, match="mode RGB, found a PIL image of mode L"):
        as_picture(Image.new("L", (4, 4)))
    with pytest.raises(ImageError, match=r"np\.repeat"):
        as_picture(np.zeros((4, 4), np.uint8))


def test_the_photo_read_can_be_drawn_on(photo):
    read_image(encoded(Image.fromarray(photo), "PNG"))[0, 0] = 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_comes_upright(orientation):
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :8] = (
        255  # a white block in the top left corner tells all eight cases apart by shape and place
    )
    upright[:8, 8:16] = 128
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("JPEG", "PNG", "TIFF", "WEBP"):
        content = encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif)
        read = read_image(content)
        assert read.shape == upright.shape
        assert np.abs(read.astype(int) - upright).mean() < 8


def test_a_damaged_exif_block_leaves_the_photo_as_it_is(photo):
    content = encoded(Image.fromarray(photo), "PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05garbage")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remark on the EXIF block
        np.testing.assert_array_equal(read_image(content), photo)


def test_transparency_is_laid_on_white():
    layers = np.zeros((1, 3, 4), np.uint8)
    layers[0, 1, 3], layers[0, 2, 3] = 255, 128
    read = read_image(Image.fromarray(layers))
    np.testing.assert_array_equal(read[0, :, 0], [255, 0, 127])
    grey = read_image(Image.fromarray(layers[..., 2:]))
    np.testing.assert_array_equal(grey[0, :, 0], [255, 0, 127])


def test_a_transparent_colour_of_a_palette_becomes_white():
    picture = Image.fromarray(np.uint8([[0, 1]]))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    content = encoded(picture, "PNG", transparency=0)
    np.testing.assert_array_equal(read_image(content), [[[255, 255, 255], [40, 50, 60]]])


def test_grey_and_one_bit_pictures_become_rgb():
    grey = np.uint8([[0, 90, 255]])
    np.testing.assert_array_equal(read_image(encoded(Image.fromarray(grey), "PNG"))[..., 1], grey)
    bits = Image.fromarray(np.array([[True, False]]))
    np.testing.assert_array_equal(read_image(encoded(bits, "PNG"))[0, :, 2], [255, 0])


def test_a_cmyk_jpeg_keeps_its_colour():
    red = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    assert np.abs(read_image(encoded(red, "JPEG"))[4, 4].astype(int) - [255, 0, 0]).max() < 12


def test_sixteen_bits_are_scaled_not_clipped():
    levels = np.uint16([[0, 257, 32896, 65535]])
    expected = [0, 1, 128, 255]
    np.testing.assert_array_equal(read_image(encoded(Image.fromarray(levels), "PNG"))[0, :, 0], expected)
    np.testing.assert_array_equal(read_image(encoded(Image.fromarray(levels), "TIFF"))[0, :, 0], expected)
    rgb = png16(np.repeat(levels[..., None], 3, axis=2), 2)
    np.testing.assert_array_equal(read_image(rgb)[0, :, 0], expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0, 0.5, 1], [0, 128, 255]), ([0, 100, 255], [0, 100, 255]), ([-5, float("nan"), 510], [0, 0, 255])],
)
def test_float_pictures_are_scaled_by_their_range(values, expected):
    picture = Image.fromarray(np.float32([values]))
    np.testing.assert_array_equal(read_image(encoded(picture, "TIFF"))[0, :, 0], expected)


def test_wide_integers_are_scaled_by_their_range():
    np.testing.assert_array_equal(read_image(Image.fromarray(np.int32([[0, 200]])))[0, :, 0], [0, 200])
    np.testing.assert_array_equal(read_image(Image.fromarray(np.int32([[-9, 65535]])))[0, :, 0], [0, 255])


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_image(content)[0, 0], [255, 0, 0])


def test_photos_far_above_the_limit_of_pillow_are_read_and_its_limit_stays(photo, monkeypatch):
    content = encoded(Image.fromarray(photo), "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    np.testing.assert_array_equal(read_image(content), photo)
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("side", [20_000, 60_000])
def test_an_absurdly_large_picture_is_refused_unread(side):
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    small = encoded(Image.new("RGB", (1, 1)), "PNG")
    content = small[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + small[33:]
    with pytest.raises(ImageError, match="214 megapixels"):
        read_image(content)


def test_one_pixel_is_a_photo():
    assert read_image(encoded(Image.new("RGB", (1, 1), "red"), "JPEG")).shape == (1, 1, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_file_cut_short_is_an_image_error_at_any_length(kind):
    pixels = np.random.default_rng(2).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(pixels), kind)
    for length in range(1, len(content) * 3 // 4, max(1, len(content) // 40)):
        with pytest.raises(ImageError, match="given bytes"):
            read_image(content[:length])


def test_garbled_files_never_raise_anything_but_image_errors():
    numbers = np.random.default_rng(3)
    pixels = numbers.integers(0, 256, (24, 24, 3), dtype=np.uint8)
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"):
        content = np.frombuffer(encoded(Image.fromarray(pixels), kind), np.uint8)
        for _ in range(40):
            garbled = content.copy()
            garbled[numbers.integers(0, len(content), 4)] = numbers.integers(0, 256, 4)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with contextlib.suppress(ImageError):
                    assert read_image(garbled.tobytes()).dtype == np.uint8


def test_files_that_are_no_photos_say_what_is_wrong(tmp_path):
    text, empty = tmp_path / "text.jpg", tmp_path / "empty.jpg"
    text.write_text("this is not a photo")
    empty.touch()
    for path, message in [
        (text, "text.jpg is not a photo"),
        (empty, "empty.jpg is an empty file"),
        (tmp_path, "is a folder"),
        (tmp_path / "gone.jpg", "There is no file"),
        ("a\0b", "a.b"),
    ]:
        with pytest.raises(ImageError, match=message):
            read_image(path)


def test_file_objects_that_cannot_be_read_say_why(tmp_path):
    with pytest.raises(ImageError, match="holds no data"):
        read_image(io.BytesIO())
    with pytest.raises(ImageError, match="binary mode"):
        read_image(io.StringIO("text"))
    with pytest.raises(ImageError, match="found int"):
        read_image(7)


def test_a_heic_photo_without_its_reader_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"lineament\[heif\]"):
        read_image(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))


@pytest.mark.parametrize(
    ("image", "advice"),
    [
        (np.zeros((4, 5), np.uint8), "np.repeat"),
        (np.zeros((4, 5, 1), np.uint8), "np.repeat"),
        (np.zeros((4, 5, 4), np.uint8), "transparency"),
        (np.zeros((3, 40, 50), np.uint8), "transpose"),
        (np.zeros((2, 4, 5, 3), np.uint8), "one photo"),
        (np.zeros((0, 5, 3), np.uint8), "no pixels"),
        (np.zeros((4, 5, 3), np.float32), "255"),
        (np.zeros((4, 5, 3), np.uint16), "257"),
        (np.zeros((4, 5, 3), np.int64), "astype"),
    ],
)
def test_an_array_that_is_no_photo_says_what_to_do(image, advice):
    with pytest.raises(ImageError, match=advice):
        read_image(image)


def test_the_advice_for_grey_pictures_works():
    image = np.zeros((4, 5), np.uint8)
    assert check_image(np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)).shape == (4, 5, 3)


def test_a_view_of_a_photo_becomes_contiguous(photo):
    assert read_image(photo[:, ::-1]).flags.c_contiguous


def test_writing_needs_a_known_suffix_and_a_folder(photo, tmp_path):
    for name in ("photo.xyz", "photo", "gone/photo.png"):
        with pytest.raises(ImageError, match="Cannot write"):
            write_image(tmp_path / name, photo)


def test_a_photograph_opened_as_text_or_closed_says_so(tmp_path):
    path = tmp_path / "a.jpg"
    write_image(path, np.zeros((9, 9, 3), np.uint8))
    with path.open(encoding="utf-8") as as_text, pytest.raises(ImageError, match="open as text"):
        read_image(as_text)
    stream = path.open("rb")
    stream.close()
    with pytest.raises(ImageError, match="cannot be read"):
        read_image(stream)


def test_text_that_cannot_be_the_name_of_a_file_is_an_image_error():
    with pytest.raises(ImageError, match="Check its name and its permissions"):
        read_image("data:image/jpeg;base64," + "A" * 5000)


def test_a_format_that_is_only_read_cannot_be_written(tmp_path):
    with pytest.raises(ImageError, match="Cannot write"):
        write_image(tmp_path / "a.psd", np.zeros((9, 9, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_picture_is_written_whole_or_not_at_all(photo, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    write_image(path, photo)
    before = path.read_bytes()

    def until_the_disk_is_full(self, place, *_, **__):
        Path(place).write_bytes(before[: len(before) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", until_the_disk_is_full)
    for name in ("a.png", "new.png"):
        with pytest.raises(ImageError, match="No space left"):
            write_image(tmp_path / name, photo)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["a.JPG", "a.webp", "a.bmp", "a.tiff"])
def test_the_suffix_chooses_the_format_whatever_its_case(photo, tmp_path, name):
    write_image(tmp_path / name, photo)
    with Image.open(tmp_path / name) as picture:
        assert picture.format == Image.registered_extensions()[Path(name).suffix.lower()]


def png_of(*chunks, size=(1, 1), mode=2):
    """A PNG file of the chunks (kind, content) after a header of 8 bits."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, mode, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunk(*one) for one in chunks) + chunk(b"IEND", b"")


def test_a_palette_picture_without_its_palette_is_an_image_error():
    content = png_of((b"IDAT", zlib.compress(b"\0\0")), mode=3)
    with pytest.raises(ImageError, match=r"given bytes cannot be decoded .*copy it again"):
        read_image(content)


@pytest.mark.parametrize(
    "error",
    [AssertionError, NotImplementedError, MemoryError, OverflowError, RecursionError, SyntaxError, EOFError],
)
def test_whatever_a_decoder_raises_is_an_image_error(photo, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load_prepare", fail)
    with pytest.raises(ImageError, match="given bytes cannot be decoded"):
        read_image(encoded(Image.fromarray(photo), "PNG"))


def test_postscript_is_not_opened_whatever_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr("subprocess.Popen", None)
    path = tmp_path / "photo.jpg"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n")
    with pytest.raises(ImageError, match=r"not a photo in a format known here \(it is PostScript\)"):
        read_image(path)


@pytest.mark.parametrize("size", [(1, 60_000_000), (60_000_000, 1), (15_000, 15_000)])
def test_the_bound_is_memory_whatever_the_shape(size):
    with pytest.raises(ImageError, match="reading it would take"):
        read_image(png_of((b"IDAT", zlib.compress(b"\0")), size=size))


def test_a_large_tiff_is_read_as_far_as_other_pictures(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    monkeypatch.setattr("lineament.image.formats.PILLOW_LIMIT", 5)
    content = encoded(Image.new("RGB", (9, 9), "red"), "TIFF")
    assert read_image(content).shape == (9, 9, 3)
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"iCCP"])
def test_megabytes_of_metadata_decide_nothing(kind):
    packed = zlib.compress(bytes(3_000_000))
    content = {
        b"tEXt": b"Comment\0" + b"a" * 3_000_000,
        b"zTXt": b"Comment\0\0" + packed,
        b"iTXt": b"XML:com.adobe.xmp\0\1\0\0\0" + packed,
        b"iCCP": b"profile\0\0" + packed,
    }[kind]
    pixels = zlib.compress(b"\0\xff\0\0")
    np.testing.assert_array_equal(read_image(png_of((kind, content), (b"IDAT", pixels))), [[[255, 0, 0]]])


def test_the_orientation_is_kept_where_other_metadata_are_dropped(photo):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(Image.fromarray(photo), "PNG", exif=exif, icc_profile=bytes(2_000_000))
    assert read_image(content).shape == (5, 7, 3)


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_jpeg_needs_all_its_pixels_but_not_its_end_marker(options):
    pixels = np.random.default_rng(4).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(pixels), "JPEG", **options)
    np.testing.assert_array_equal(read_image(content[:-2]), read_image(content))
    for missing in (40, 100, 400):
        with pytest.raises(ImageError, match="cut short"):
            read_image(content[:-missing])


def test_pipes_and_files_that_do_not_tell_their_size_are_read(photo, tmp_path):
    content = encoded(Image.fromarray(photo), "PNG")
    readable, writable = os.pipe()
    with os.fdopen(writable, "wb") as file:
        file.write(content)
    np.testing.assert_array_equal(read_image(f"/dev/fd/{readable}"), photo)
    os.close(readable)
    with pytest.raises(ImageError, match="known here"):
        read_image("/proc/self/status")  # its size is stated as 0


def test_what_is_no_file_may_not_be_endless(monkeypatch):
    monkeypatch.setattr("lineament.image.source.STREAM_LIMIT", 100_000)
    with pytest.raises(ImageError, match="holds more than"):
        read_image("/dev/zero")


def test_ten_bits_in_sixteen_are_stretched_and_a_line_says_so(caplog):
    ramp = np.arange(1024, dtype=np.uint16).repeat(4).reshape(64, 64)
    read = read_image(encoded(Image.fromarray(ramp), "PNG"))
    assert read.min() == 0
    assert read.max() == 255
    (line,) = caplog.messages
    assert "the given bytes uses little of the range" in line


RAMP = np.arange(1024, dtype=np.uint16).repeat(4).reshape(64, 64)


def deep(kind, *, alpha=None, offset=0):
    """A file of 16-bit colours whose greens are a ramp of 10 bits; red is half of it, blue nothing."""
    channels = [RAMP // 2 + offset, RAMP + offset, np.zeros_like(RAMP) + offset]
    values = np.dstack(channels if alpha is None else [*channels, np.full_like(RAMP, alpha)])
    return png16(values, 2 if alpha is None else 6) if kind == "PNG" else tiff16(values, kind)


def tiff16(values, order):
    """A TIFF of 16 bits a channel in one strip, "II" with the lower byte first or "MM"."""
    sign = "<" if order == "II" else ">"
    channels, pixels = values.shape[2], values.astype(f"{sign}u2").tobytes()
    bits = struct.pack(f"{sign}{channels}H", *[16] * channels)
    kinds = {3: "H", 4: "I"}
    entries = [
        *[(256, 4, 1, values.shape[1]), (257, 4, 1, values.shape[0]), (258, 3, channels, 8)],
        *[(259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 8 + len(bits)), (277, 3, 1, channels)],
        *[(278, 4, 1, values.shape[0]), (279, 4, 1, len(pixels))],
        *([(338, 3, 1, 2)] if channels == 4 else []),
    ]
    packed = b"".join(
        struct.pack(f"{sign}HHI", tag, kind, count)
        + struct.pack(f"{sign}{kinds[kind] if count == 1 else 'I'}", value).ljust(4, b"\0")
        for tag, kind, count, value in entries
    )
    head = order.encode() + struct.pack(f"{sign}HI", 42, 8 + len(bits) + len(pixels))
    return head + bits + pixels + struct.pack(f"{sign}H", len(entries)) + packed + bytes(4)


@pytest.mark.parametrize("kind", ["PNG", "II", "MM"])
@pytest.mark.parametrize("alpha", [None, 65535, 1023])
def test_colours_of_ten_bits_in_sixteen_are_stretched_and_keep_their_hue(kind, alpha, caplog):
    read = read_image(deep(kind, alpha=alpha)).astype(int)
    expected = np.round(RAMP / 1023 * 255).astype(int)
    assert np.abs(read[..., 1] - expected).max() <= 1
    assert np.abs(read[..., 0] - expected / 2).max() <= 1
    assert read[..., 2].max() <= 1
    (line,) = caplog.messages
    assert "uses little of the range" in line


def test_colours_far_above_zero_are_stretched_and_whole_ones_left_alone(caplog):
    read = read_image(deep("PNG", offset=29_000))
    assert (read.min(), read.max()) == (0, 255)
    assert len(caplog.messages) == 1
    values = np.linspace(0, 65535, 4096).astype(np.uint16).reshape(64, 64)
    np.testing.assert_array_equal(read_image(png16(np.dstack([values] * 3), 2))[..., 0], values >> 8)
    assert len(caplog.messages) == 1


def test_colours_too_large_to_be_decoded_twice_stay_as_they_are(monkeypatch, caplog):
    monkeypatch.setattr("lineament.image.deep_colors.MEMORY_LIMIT", 64 * 64 * 15)
    assert read_image(deep("PNG")).max() == 3
    assert "too large to be stretched" in caplog.messages[0]


def test_a_turned_picture_of_ten_bits_is_upright_and_stretched():
    exif = Image.Exif()
    exif[0x0112] = 6
    content, block = deep("PNG"), exif.tobytes()
    chunk = b"eXIf" + block.removeprefix(b"Exif\0\0")
    placed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    read = read_image(content[:33] + placed + content[33:])
    assert read[:, -1, 1].max() < 10  # the dark row of the top has become the column on the right
    assert read[:, 0, 1].min() > 240


def test_temperatures_far_above_zero_are_stretched_between_the_least_and_the_greatest(caplog):
    kelvin = np.linspace(29_000, 31_000, 4096, dtype=np.uint16).reshape(64, 64)
    read = read_image(encoded(Image.fromarray(kelvin), "TIFF"))
    assert read.min() == 0
    assert read.max() == 255
    assert len(caplog.messages) == 1


def test_colours_behind_an_alpha_of_zero_everywhere_are_the_photo(photo):
    layers = np.dstack([photo, np.zeros(photo.shape[:2], np.uint8)])
    np.testing.assert_array_equal(read_image(Image.fromarray(layers)), photo)
    layers[..., :3] = 0
    assert (read_image(Image.fromarray(layers)) == 255).all()  # nothing is there at all


def test_a_link_whose_photo_is_gone_says_so(tmp_path):
    link = tmp_path / "a.jpg"
    link.symlink_to("gone.jpg")
    with pytest.raises(ImageError, match=r"links to gone\.jpg, which is gone"):
        read_image(link)
    loop = tmp_path / "loop.jpg"
    loop.symlink_to("loop.jpg")
    with pytest.raises(ImageError, match=r"loop\.jpg"):
        read_image(loop)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000"]),
    mode=st.sampled_from(["RGB", "L", "P", "1"]),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.floats(0.3, 1),
)
def test_a_mutated_photo_is_a_photo_or_an_image_error(kind, mode, edits, cut):
    picture = Image.linear_gradient("L").resize((24, 20)).convert("RGB").convert(mode)
    if kind in ("WEBP", "JPEG", "JPEG2000", "PPM"):
        picture = picture.convert("RGB")
    content = bytearray(encoded(picture, kind))
    for place, value in edits:
        content[int(place * (len(content) - 1))] = value
    with warnings.catch_warnings(), contextlib.suppress(ImageError):
        warnings.simplefilter("ignore")
        assert read_image(bytes(content[: int(cut * len(content))])).dtype == np.uint8


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_a_large_photo_is_turned_by_strips_and_only_once(photo, orientation, mode, monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(photo).convert(mode), "PNG", exif=exif)
    at_once = read_image(content)
    monkeypatch.setattr("lineament.image.rgb.LARGE_PX", 1)
    monkeypatch.setattr("lineament.image.rgb.STRIP_PX", 3 * photo.shape[1])
    picture = read_picture(content)
    np.testing.assert_array_equal(read_image(picture), at_once)
    np.testing.assert_array_equal(read_image(read_picture(picture)), at_once)
