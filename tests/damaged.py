"""Files that are no `.npz` in every way that its decoder knows another exception for."""

import io
import struct
import zipfile

import numpy as np


def npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def _member(content, *, method=None, flags=0):
    """An archive of one member, said to be compressed or encrypted in another way."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("names.npy", content)
    found = bytearray(stream.getvalue())
    for sign, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = found.index(sign) + place
        found[start : start + 2] = struct.pack("<H", flags)
        if method is not None:
            found[start + 2 : start + 4] = struct.pack("<H", method)
    return bytes(found)


HEADER = b"\x93NUMPY\x01\x00v\x00"
NO_ARRAYS = {
    "nothing": b"",
    "text": b"no archive at all",
    "cut short": npz(names=np.array(["a"]))[:-30],
    "unknown compression": _member(HEADER, method=97),
    "encrypted": _member(HEADER, flags=1),
    "no array": _member(b"text"),
    "a header that ends early": _member(HEADER + b"{'descr': '<f8', ("),
    "a header of other words": _member(HEADER + b"{(".ljust(117) + b"\n"),
    "more memory than there is": _member(
        HEADER + b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999,), }".ljust(117) + b"\n"
    ),
    "objects": npz(names=np.array([{}], dtype=object), landmarks68_q32=np.zeros(1), points=np.zeros(1)),
    "other names": npz(other=np.zeros(3)),
    "other shapes": npz(
        **dict.fromkeys(
            ("names", "points", "landmarks68_q32", "mesh478_q32", "pts68_reannotated"), np.zeros(3)
        )
    ),
}
