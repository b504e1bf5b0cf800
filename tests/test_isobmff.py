"""Sizes that AVIF and HEIF files state, and what they may be before anything is decoded."""

import io
import struct
import sys

import numpy as np
import pytest
from PIL import Image

from lineament.errors import ImageError
from lineament.image import formats, read_image
from lineament.image.av1 import sequence_size
from lineament.image.isobmff import stated_sizes
from lineament.video.packets import stated_size


def box(kind, *content):
    joined = b"".join(content)
    return struct.pack(">I4s", len(joined) + 8, kind) + joined


def sequence_header(width, height):
    """The unit of a still picture: reduced header, sizes in 16 bits each."""
    bits = f"{0:03b}11{0:05b}{15:04b}{15:04b}{width - 1:016b}{height - 1:016b}"
    content = int(bits.ljust(64, "0"), 2).to_bytes(8, "big")
    return bytes([1 << 3 | 2, len(content)]) + content


def file_of(*properties, item=b"", brand=b"avif"):
    """An AVIF of some properties whose one item lies behind the header."""
    iloc = struct.pack(">IHHHHHII", 0, 0x4400, 1, 1, 0, 1, 0, len(item))
    head = box(b"ftyp", brand, bytes(4), brand, b"mif1")
    meta = [box(b"iprp", box(b"ipco", *properties))]
    before = len(head) + 12 + len(meta[0]) + 8 + len(iloc) + 8
    iloc = struct.pack(">IHHHHHII", 0, 0x4400, 1, 1, 0, 1, before, len(item))
    return head + box(b"meta", bytes(4), *meta, box(b"iloc", iloc)) + box(b"mdat", item)


def ispe(width, height):
    return box(b"ispe", struct.pack(">III", 0, width, height))


@pytest.mark.parametrize("size_wh", [(64, 64), (33, 100), (1000, 7)])
def test_files_of_pillow_state_their_size_in_the_box_and_in_the_stream(size_wh):
    stream = io.BytesIO()
    Image.fromarray(np.zeros((*size_wh[::-1], 3), np.uint8)).save(stream, "AVIF")
    assert stated_sizes(stream.getvalue()) == [size_wh, size_wh]
    assert read_image(stream.getvalue()).shape == (*size_wh[::-1], 3)


def test_each_picture_of_an_animation_states_one():
    pictures = [Image.new("RGBA", (40, 50), (20 * number, 0, 0, number)) for number in range(3)]
    stream = io.BytesIO()
    pictures[0].save(stream, "AVIF", save_all=True, append_images=pictures[1:])
    assert set(stated_sizes(stream.getvalue())) == {(40, 50)}


def test_a_sequence_header_with_operating_points_is_read():
    before = (
        f"{0:03b}00{0}{0}{0:05b}{0:012b}{8:05b}0"  # no times, no delays, one point of a level with a tier
    )
    bits = f"{before}{7:04b}{9:04b}{199:08b}{999:010b}"
    content = int(bits.ljust(80, "0"), 2).to_bytes(10, "big")
    packet = bytes([2 << 3 | 2, 0, 1 << 3 | 2, len(content)]) + content  # a delimiter comes first
    assert sequence_size(packet) == (200, 1000)
    assert stated_size(b"av01", packet) == (200, 1000)


@pytest.mark.parametrize(
    "content",
    [
        file_of(ispe(60_000, 60_000)),
        file_of(ispe(64, 64), ispe(2**32 - 1, 2**32 - 1)),
        file_of(ispe(64, 64), box(b"av1C", bytes(4), sequence_header(65536, 65536))),
        file_of(ispe(64, 64), item=sequence_header(30_000, 30_000)),
        file_of(ispe(60_000, 60_000), brand=b"heic"),
    ],
)
def test_sizes_beyond_memory_are_refused_before_a_decoder_sees_the_file(content, monkeypatch):
    monkeypatch.setattr(formats.Image, "open", None)
    with pytest.raises(ImageError, match=r"states a picture of \d+ x \d+ pixels, .* may have 7\d megapixels"):
        read_image(content)


def test_damaged_boxes_are_left_to_the_decoder():
    content = file_of(ispe(64, 64), item=sequence_header(64, 64))
    numbers = np.random.default_rng(0)
    for _ in range(300):
        mutated = bytearray(content[: numbers.integers(1, len(content))])
        for place in numbers.integers(0, len(mutated), 4):
            mutated[place] = numbers.integers(256)
        stated_sizes(bytes(mutated))  # whatever it says
    assert stated_sizes(struct.pack(">I4s", 0, b"meta") * 5000) == []
    assert stated_sizes(struct.pack(">I4sQ", 1, b"free", 2**63)) == []


def test_avif_without_its_decoder_is_named(monkeypatch):
    monkeypatch.setattr(formats.features, "check", lambda what: False)
    monkeypatch.setattr(formats, "FORMATS", ("JPEG", "PNG"))
    with pytest.raises(ImageError, match="AVIF photo, and this Pillow was built without AVIF"):
        read_image(file_of(ispe(64, 64)))


def test_heic_without_its_decoder_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(
        ImageError, match=r"HEIC photo, which needs one more package: pip install 'lineament\[heif\]'"
    ):
        read_image(file_of(ispe(64, 64), brand=b"heic"))
