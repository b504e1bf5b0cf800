"""The sizes that compressed pictures state, for films that change theirs on the way.

OpenCV stretches every picture to the size of the first. What a player would show is told by the packets: the
headers of JPEG, VP8 and VP9 pictures, those of AV1 and the parameter sets of H.264 and H.265 name the size.
"""

from __future__ import annotations

from collections.abc import Callable

from lineament.bits import Bits
from lineament.image.av1 import sequence_size

SizeReader = Callable[[bytes], "tuple[int, int] | None"]

HIGH_PROFILES = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 144, 244})
SEARCHED_BYTES = 4096  # parameter sets come first in a packet


def stated_size(codec: bytes, packet: bytes) -> tuple[int, int] | None:
    """(width, height) px that a packet states; None if it states none or is not understood.

    Args:
        codec: four characters as OpenCV gives them, such as b"h264" or b"VP90".
        packet: compressed; H.264 and H.265 with start codes.
    """
    reader = READERS.get(codec)
    if reader is None:
        return None
    try:
        found = reader(packet)
    except (IndexError, ValueError):  # cut short or damaged
        return None
    return found if found is not None and min(found) > 0 else None


def _jpeg(packet: bytes) -> tuple[int, int] | None:
    place = 2
    while packet[place] == 0xFF:
        kind, length = packet[place + 1], int.from_bytes(packet[place + 2 : place + 4], "big")
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = packet[place + 5 : place + 7], packet[place + 7 : place + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        if kind == 0xDA:  # the pixels
            return None
        place += 2 + max(length, 2)
    return None


def _vp8(packet: bytes) -> tuple[int, int] | None:
    if packet[0] & 1 or packet[3:6] != b"\x9d\x01\x2a":  # no key picture
        return None
    width, height = packet[6:8], packet[8:10]
    return int.from_bytes(width, "little") & 0x3FFF, int.from_bytes(height, "little") & 0x3FFF


def _vp9(packet: bytes) -> tuple[int, int] | None:
    bits = Bits(packet[:16])
    if bits.take(2) != 2:
        return None
    profile = bits.take(1) + 2 * bits.take(1)
    if profile == 3:
        bits.take(1)
    shows_another, is_no_key = bits.take(1), bits.take(1)
    bits.take(2)
    if shows_another or is_no_key or bits.take(24) != 0x498342:
        return None
    if profile >= 2:
        bits.take(1)
    if bits.take(3) != 7:
        bits.take(1 + 3 * (profile % 2))
    else:
        bits.take(profile % 2)
    return bits.take(16) + 1, bits.take(16) + 1


def _units(packet: bytes) -> list[bytes]:
    """The units between start codes, without the zeros that keep start codes out."""
    content = packet[:SEARCHED_BYTES]
    return [unit.replace(b"\0\0\x03", b"\0\0") for unit in content.split(b"\0\0\x01")[1:]]


def _h264(packet: bytes) -> tuple[int, int] | None:
    for unit in _units(packet):
        if unit[0] & 31 == 7:
            return _h264_size(Bits(unit[1:]))
    return None


def _h264_size(bits: Bits) -> tuple[int, int]:
    """Of a sequence parameter set, ITU-T H.264 section 7.3.2.1.1."""
    profile = bits.take(24) >> 16
    bits.golomb()
    chroma = 1
    if profile in HIGH_PROFILES:
        chroma = bits.golomb()
        if chroma == 3:
            bits.take(1)
        bits.golomb(), bits.golomb(), bits.take(1)
        if bits.take(1):
            _skip_scaling_lists(bits, 12 if chroma == 3 else 8)
    bits.golomb()
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.take(1), bits.golomb(), bits.golomb()
        for _ in range(min(bits.golomb(), 255)):
            bits.golomb()
    bits.golomb(), bits.take(1)
    width, height = 16 * (bits.golomb() + 1), 16 * (bits.golomb() + 1)
    fields = 1 if bits.take(1) else 2
    if fields == 2:
        bits.take(1)
    bits.take(1)
    step_x, step_y = (2 if chroma in (1, 2) else 1), (2 if chroma == 1 else 1)
    return _cropped(bits, width, height * fields, step_x, step_y * fields)


def _skip_scaling_lists(bits: Bits, count: int) -> None:
    for number in range(count):
        if bits.take(1):
            last = following = 8
            for _ in range(16 if number < 6 else 64):
                if following:
                    code = bits.golomb()
                    following = (last + (code + 1) // 2 * (1 if code % 2 else -1)) % 256
                last = following or last


def _h265(packet: bytes) -> tuple[int, int] | None:
    for unit in _units(packet):
        if unit[0] >> 1 & 63 == 33:
            return _h265_size(Bits(unit[2:]))
    return None


def _h265_size(bits: Bits) -> tuple[int, int]:
    """Of a sequence parameter set, ITU-T H.265 section 7.3.2.2."""
    layers = bits.take(8) >> 1 & 7
    bits.take(96)
    flags = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for has_profile, has_level in flags:
        bits.take(88 * has_profile + 8 * has_level)
    bits.golomb()
    chroma = bits.golomb()
    if chroma == 3:
        bits.take(1)
    width, height = bits.golomb(), bits.golomb()
    return _cropped(bits, width, height, 2 if chroma in (1, 2) else 1, 2 if chroma == 1 else 1)


def _cropped(bits: Bits, width: int, height: int, step_x: int, step_y: int) -> tuple[int, int]:
    """Less the margins that the next bits name, in steps of so many pixels."""
    if bits.take(1):
        left, right, top, bottom = (bits.golomb() for _ in range(4))
        width, height = width - step_x * (left + right), height - step_y * (top + bottom)
    return width, height


READERS: dict[bytes, SizeReader] = {
    **dict.fromkeys((b"MJPG", b"jpeg"), _jpeg),
    **dict.fromkeys((b"VP80",), _vp8),
    **dict.fromkeys((b"VP90", b"vp09"), _vp9),
    **dict.fromkeys((b"av01", b"AV01"), sequence_size),
    **dict.fromkeys((b"h264", b"H264", b"avc1"), _h264),
    **dict.fromkeys((b"hevc", b"HEVC", b"hvc1", b"hev1"), _h265),
}
"""By the characters that the versions of OpenCV give a codec."""
