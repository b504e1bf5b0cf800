"""The picture of a head that moves: ``python -m scripts.docs.moving_head --out docs/images/moving.jpg``.

The astronaut of ``demo/photos`` is aligned and written as GLB; the file is read back, its morph targets are
set to known weights, and what a viewer would show is drawn.
"""

from __future__ import annotations

import argparse
import io
import json
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import lineament as la
from lineament.export import FaceTexturer, export_glb
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.raster import rasterize, toward_viewer
from lineament.geometry.uv import bilinear

Array = NDArray[Any]

PHOTO = Path(__file__).parents[2] / "demo" / "photos" / "astronaut.jpg"
TILE, FINER, COLUMNS = 280, 2, 4
LIGHT = np.array([-0.25, 0.45, 0.86])
SHOWN: tuple[tuple[str, dict[str, float]], ...] = (
    ("at rest", {}),
    ("eyeBlinkLeft 1", {"eyeBlinkLeft": 1.0}),
    ("mouthSmileLeft 1", {"mouthSmileLeft": 1.0}),
    ("mouthPucker 1", {"mouthPucker": 1.0}),
    ("cheekPuff 1", {"cheekPuff": 1.0}),
    ("jawOpen 1", {"jawOpen": 1.0}),
    ("eyeLook... to the left 1", {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}),
)
"""What is written below a tile, and the weights of the head on it; all others are 0."""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photo", type=Path, default=PHOTO)
    parser.add_argument("--weights", default="default")
    parser.add_argument("--glb", type=Path, help="where to keep the file; nowhere when left out")
    given = parser.parse_args()
    photo = la.read_image(given.photo)
    face = la.FaceAligner.from_pretrained(given.weights)(photo)[0]
    texture = FaceTexturer(face.mesh)(photo, face)
    with tempfile.TemporaryDirectory() as folder:
        path = given.glb or Path(folder) / "head.glb"
        export_glb(face, path, texture_rgb=texture.colors_rgb)
        head = Head.read(path)
    tiles = [labelled(photo_tile(photo, face), "the photograph")]
    tiles += [labelled(head.drawn(weights), text) for text, weights in SHOWN]
    rows = [np.hstack(tiles[first : first + COLUMNS]) for first in range(0, len(tiles), COLUMNS)]
    Image.fromarray(np.vstack(rows)).save(given.out, quality=88)


@dataclass(frozen=True, slots=True)
class Head:
    """A GLB of ours as it is read back.

    Attributes:
        names: of the T targets.
        parts: of each primitive: (V, 3) positions, (T, V, 3) differences, triangles, (V, 2) uv, its picture.
    """

    names: tuple[str, ...]
    parts: tuple[tuple[Array, Array, Array, Array, Array], ...]

    @classmethod
    def read(cls, path: Path) -> Head:
        """From a file that `export_glb` wrote with a texture."""
        content = path.read_bytes()
        (length,) = struct.unpack_from("<I", content, 12)
        document, binary = json.loads(content[20 : 20 + length]), content[28 + length :]
        pictures = [_picture(document, binary, each) for each in document["images"]]
        mesh = document["meshes"][0]
        parts = []
        for primitive in mesh["primitives"]:
            material = document["materials"][primitive["material"]]["pbrMetallicRoughness"]
            texture = document["textures"][material["baseColorTexture"]["index"]]
            numbers = [
                primitive["attributes"]["POSITION"],
                *(t["POSITION"] for t in primitive["targets"]),
                primitive["indices"],
                primitive["attributes"]["TEXCOORD_0"],
            ]
            position, *targets, index, uv = (_array(document, binary, number) for number in numbers)
            triangles = index.reshape(-1, 3).astype(int)
            parts.append((position, np.stack(targets), triangles, uv, pictures[texture["source"]]))
        return cls(tuple(mesh["extras"]["targetNames"]), tuple(parts))

    def drawn(self, weights: dict[str, float]) -> NDArray[np.uint8]:
        """(S, S, 3) from the front, slightly lit."""
        chosen = np.array([weights.get(name, 0.0) for name in self.names])
        side = TILE * FINER
        still = self.parts[0][0]
        low, high = still.min(axis=0), still.max(axis=0)
        scale, middle = side / (1.16 * (high - low)[1]), (low + high) / 2
        points, triangles, uv, light = [], [], [], []
        start = 0
        for position, targets, own, places, _ in self.parts:
            moved = position + np.tensordot(chosen, targets, 1)
            normals = vertex_normals(moved, own)
            # The photograph is lit already: skin is shaded by what moves alone.
            before = vertex_normals(position, own) @ LIGHT
            light.append(1 + 0.45 * (normals @ LIGHT - before))
            points.append((moved - middle) * [scale, -scale, -scale] + [side / 2, side * 0.48, 0])
            triangles.append(own + start)
            uv.append(places)
            start += len(position)
        vertices, index = np.concatenate(points), np.concatenate(triangles)
        index = index[toward_viewer(vertices, index) > 0]
        raster = rasterize(vertices, index, size_hw=(side, side))
        picture = np.full((side, side, 3), 236.0)
        corners = index[raster.triangle_index]
        place = np.einsum("hwc,hwcd->hwd", raster.weights, np.concatenate(uv)[corners])
        shade = np.einsum("hwc,hwc->hw", raster.weights, np.concatenate(light)[corners])
        ends = np.cumsum([len(each[0]) for each in self.parts])
        for number, part in enumerate(self.parts):
            image = part[4]
            mask = raster.mask & (np.searchsorted(ends, corners[..., 0], side="right") == number)
            texels = place[mask] * [image.shape[1], image.shape[0]]
            picture[mask] = bilinear(image, texels) * shade[mask][:, None]
        return np.asarray(Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).reduce(FINER))


def photo_tile(photo: NDArray[np.uint8], face: la.FaceResult) -> NDArray[np.uint8]:
    """(S, S, 3) the face on its photograph."""
    low, high = face.vertices_image[:, :2].min(axis=0), face.vertices_image[:, :2].max(axis=0)
    middle, half = (low + high) / 2, 0.58 * (high - low)[1]
    box = (*(middle - half), *(middle + half))
    return np.asarray(Image.fromarray(photo).transform((TILE, TILE), Image.Transform.EXTENT, box, 3))


def labelled(picture: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """A picture with a line of text below."""
    tile = Image.new("RGB", (TILE, TILE + 22), (236, 236, 236))
    tile.paste(Image.fromarray(picture))
    ImageDraw.Draw(tile).text((TILE / 2, TILE + 11), text, fill=(30, 30, 30), anchor="mm")
    return np.asarray(tile)


def _picture(document: dict[str, Any], binary: bytes, entry: dict[str, Any]) -> Array:
    view = document["bufferViews"][entry["bufferView"]]
    start = view["byteOffset"]
    content = binary[start : start + view["byteLength"]]
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def _array(document: dict[str, Any], binary: bytes, number: int) -> Array:
    """An accessor's values, (n,) or (n, d), those of a sparse one spread out."""
    entry = document["accessors"][number]
    width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[entry["type"]]

    def stored(place: dict[str, Any], code: int, count: int, columns: int) -> Array:
        kind = {5126: "<f4", 5123: "<u2", 5125: "<u4"}[code]
        start = document["bufferViews"][place["bufferView"]]["byteOffset"] + place.get("byteOffset", 0)
        return np.frombuffer(binary, kind, count * columns, start).reshape(count, columns)

    if "sparse" not in entry:
        return stored(entry, entry["componentType"], entry["count"], width)
    values, sparse = np.zeros((entry["count"], width)), entry["sparse"]
    where = sparse["indices"]
    index = stored(where, where["componentType"], sparse["count"], 1)[:, 0]
    values[index] = stored(sparse["values"], 5126, sparse["count"], width)
    return values


if __name__ == "__main__":
    main()
