"""Files of every kind that lineament reads, small and whole: what the hostile campaign begins with."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tarfile
import zipfile
import zlib

import numpy as np
from PIL import Image

PICTURES = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
KINDS = (
    "picture",
    "boxes",
    "people",
    "landmarks",
    "pts",
    "archive",
    "shard",
    "index",
    "manifest",
    "recipe",
    *tuple(f"model.{ending}" for ending in ("npz", "pkl", "obj", "mat")),
)


def seed_files() -> dict[str, list[bytes]]:
    """Contents by kind of file."""
    return {
        "picture": [*_pictures()],
        "boxes": [b"photo,x1,y1,x2,y2\na.jpg,1,2,30,40\n" + 20 * b"b.jpg,5.5,6,70,80\n"],
        "people": [b"photo,person\na.jpg,Ada\nb.jpg,Bea\n"],
        "landmarks": [
            _npz(names=np.array(["a.jpg"]), landmarks=np.ones((1, 68, 2), np.float32)),
            _landmark_csv(),
        ],
        "pts": [b"version: 1\nn_points: 68\n{\n" + b"1.5 2.5\n" * 68 + b"}\n"],
        "archive": [_zip(), _zip(zipfile.ZIP_DEFLATED)],
        "shard": [_tar()],
        "index": [_npz(sha256=np.array("0"), key=np.array(["a"]), validation=np.array([True]))],
        "manifest": [_manifest()],
        "recipe": [
            b'licence = "x"\nseed = 3\n[rotated]\ncount = 2\nsize = 160\n[occluded]\nprobability = 0.2\n'
        ],
        "model.npz": [_npz(v_template=np.zeros((9, 3)), f=np.zeros((4, 3), np.int32))],
        "model.pkl": [pickle.dumps({"v": np.arange(6.0), "f": np.arange(4)}, protocol=n) for n in range(5)],
        "model.obj": [b"v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl a\nf 1/1 2/2 3/3\n"],
        "model.mat": [_mat()],
    }


def _pictures() -> list[bytes]:
    gradient = Image.linear_gradient("L").resize((48, 40))
    colours = Image.merge("RGB", (gradient, gradient.rotate(90), gradient.rotate(180)))
    layers = colours.copy()
    layers.putalpha(gradient)
    deep = Image.fromarray(np.asarray(gradient).astype(np.uint16) * 257)
    found = []
    for kind in PICTURES:
        for picture in (colours, gradient, layers, colours.quantize(8), deep):
            stream = io.BytesIO()
            exif = Image.Exif()
            exif[0x0112] = 6
            try:
                picture.save(stream, kind, exif=exif)
            except (OSError, ValueError, KeyError):  # a mode that the format does not have
                continue
            found.append(stream.getvalue())
    return [*found, _ten_bits_in_sixteen()]


def _ten_bits_in_sixteen() -> bytes:
    """A PNG of 16 bits a channel, which Pillow does not write: such a file is decoded twice."""
    values = np.arange(40 * 48 * 3, dtype=">u2").reshape(40, -1) % 1024
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 48, 40, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    chunks = [
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def _mat() -> bytes:
    from scipy.io import savemat

    stream = io.BytesIO()
    savemat(stream, {"shapeMU": np.arange(9.0), "tri": np.arange(6)})
    return stream.getvalue()


def _landmark_csv() -> bytes:
    return ("a.jpg," + ",".join(str(number) for number in range(136)) + "\n").encode()


def _zip(compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        archive.writestr("a.jpg", b"no picture" * 20)
        archive.writestr("inner/a.pts", b"n_points: 68" * 10)
    return stream.getvalue()


def _tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in ("s_000000.jpg", "s_000000.npz", "s_000000.json"):
            info = tarfile.TarInfo(name)
            info.size = 600
            tar.addfile(info, io.BytesIO(bytes(600)))
        link = tarfile.TarInfo("s_000000.mask.png")
        link.type, link.linkname = tarfile.SYMTYPE, "gone"
        tar.addfile(link)
    return stream.getvalue()


def _manifest() -> bytes:
    storage = {"picture": "jpg", "quality": 92, "coefficients": "float16"}
    recipe = {
        "source": "a",
        "licence": "b",
        "seed": 1,
        "command": "c",
        "face_model": "lfm",
        "storage": storage,
    }
    shard = {"name": "s", "samples": 1, "validation": 0, "kinds": {"turned": 1}, "size": 9, "sha256": "0"}
    return json.dumps({"format": "lineament-samples-1", "recipe": recipe, "shards": [shard]}).encode()
