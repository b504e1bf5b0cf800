"""The size that an AV1 stream states in its sequence header (AV1 specification, section 5.5).

A decoder makes room for that size, whatever the file around it says.
"""

from __future__ import annotations

from lineament.bits import Bits

SEQUENCE_HEADER = 1  # type of a unit
MAX_UNITS = 16  # looked at
MAX_HEADER_BYTES = 512


def sequence_size(content: bytes) -> tuple[int, int] | None:
    """Width and height, px, of the largest picture of a stream; None where its start has no sequence header.

    Args:
        content: the start of a stream or of a packet of it: units ("OBU") one after another.
    """
    place = 0
    for _ in range(MAX_UNITS):
        if place >= len(content) or content[place] & 0x81:  # forbidden and reserved bits are 0
            return None
        kind, has_extension, has_size = content[place] >> 3 & 15, content[place] & 4, content[place] & 2
        place += 2 if has_extension else 1
        length = len(content) - place
        if has_size:
            length, place = _leb128(content, place)
        if kind == SEQUENCE_HEADER:
            try:
                return _size(Bits(content[place : place + min(length, MAX_HEADER_BYTES)]))
            except ValueError:
                return None
        place += length
    return None


def _leb128(content: bytes, place: int) -> tuple[int, int]:
    """An integer of seven bits a byte, the lowest first, and where it ends."""
    value = 0
    for number, byte in enumerate(content[place : place + 8]):
        value |= (byte & 0x7F) << 7 * number
        if not byte & 0x80:
            return value, place + number + 1
    return len(content), len(content)


def _size(bits: Bits) -> tuple[int, int]:
    bits.take(4)  # profile, still picture
    if bits.take(1):  # the reduced header of still pictures
        bits.take(5)
    else:
        _skip_operating_points(bits)
    bits_x, bits_y = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(bits_x) + 1, bits.take(bits_y) + 1


def _skip_operating_points(bits: Bits) -> None:
    delay_bits = 0
    if bits.take(1):  # times
        bits.take(64)
        if bits.take(1):
            bits.golomb()
        if bits.take(1):  # a model of the decoder
            delay_bits = bits.take(5) + 1
            bits.take(42)
    has_display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_display_delay and bits.take(1):
            bits.take(4)
