"""Which completion of half-hidden frontal faces is nearest to what the photograph shows there.

    python -m tools.compare_texture_completions --samples sets/open --gan uv_gan.lineament --sheet sheet.png

The faces are of people kept from training. Writes the mean absolute difference over texels that are known
and were hidden, in levels of 0 to 255, by completion: with the left half alone to see, and with what a turned
head shows. The sheet has a row a face: what is seen, the completions in the table's order, the truth.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.data.texture.hiding import Hiding, HidingConfig
from lineament.data.texture.partly_seen import FrontalConfig, FrontalTextures, Known
from lineament.export.texture_completion import Completion, LikelyFace, OtherSide
from lineament.export.texture_translator import Translator
from lineament.geometry.face_mesh import FaceMesh
from lineament.models import load_model
from lineament.models.texture import load_texture_model

Array = NDArray[Any]
SIZE = 128


class MirroredHalf:
    """The other side as it is, in whatever light; where neither side is seen, the mean of what is."""

    def check(self, mesh: FaceMesh) -> None:
        """Any symmetric chart."""

    def __call__(self, colors: Array, trust: Array, *, mirrored: bool) -> Array:
        """See :class:`Completion`."""
        weight, other = trust[..., None], trust[:, ::-1, None] * (1 - trust[..., None])
        mean = (colors * weight).sum((0, 1)) / max(float(weight.sum()), 1e-6)
        return np.asarray(weight * colors + other * colors[:, ::-1] + (1 - weight - other) * mean)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--samples", nargs="+", required=True, help="folders of samples")
    parser.add_argument("--gan", nargs="*", default=[], help="files of `lineament train uv-gan` and `export`")
    parser.add_argument("--count", type=int, default=60, help="faces, at most")
    parser.add_argument("--kept", help="folder where textures are kept for another time")
    parser.add_argument("--sheet", help="PNG of the first twelve faces")
    asked = parser.parse_args()
    model = load_model("lfm")
    kept = Path(asked.kept) if asked.kept else None
    textures = FrontalTextures.opened(
        asked.samples, model, FrontalConfig(), size=SIZE, validation=True, kept=kept
    )
    faces = textures.some(asked.count)
    ways: dict[str, Completion] = {
        "mirrored half": MirroredHalf(),
        "mirror": OtherSide(),
        "model": LikelyFace(load_texture_model()),
        **{f"gan {Path(file).stem}": Translator.open(file, threads=1) for file in asked.gan},
    }
    hiding = Hiding(model, textures.texturer, HidingConfig(turned=1, half=0, quarter=0, spots=0, turns=24))
    left = hiding.left_half()
    turned = [hiding.draw(np.random.default_rng([23, number])) for number in range(len(faces))]
    print(f"{len(faces)} faces of people kept from training, {SIZE} texels")
    print(f"{'completion':24} {'half':>6} {'median':>7} {'turned':>7}   half: better than mirror on")
    of_mirror = _wrong(ways["mirror"], faces, [left] * len(faces))
    for name, way in ways.items():
        half = _wrong(way, faces, [left] * len(faces))
        better, of_turned = float((half < of_mirror).mean()), _wrong(way, faces, turned).mean()
        print(f"{name:24} {half.mean():6.2f} {np.median(half):7.2f} {of_turned:7.2f}   {better:.0%}")
    if asked.sheet:
        rows = [_row(list(ways.values()), face, left) for face in faces[:12]]
        Image.fromarray(np.concatenate(rows)).save(asked.sheet)


def _wrong(way: Completion, faces: list[Known], left: list[Array]) -> Array:
    """(F,) mean absolute differences over what is known and hidden."""
    found = []
    for face, shown in zip(faces, left, strict=True):
        weight = (face.trust * (1 - shown))[..., None]
        colors = face.colors_rgb.astype(np.float32)
        said = np.clip(way(colors, face.trust * shown, mirrored=True), 0, 255)
        found.append(float((np.abs(said - colors) * weight).sum() / max(3 * weight.sum(), 1)))
    return np.array(found)


def _row(ways: list[Completion], face: Known, left: Array) -> NDArray[np.uint8]:
    colors, trust = face.colors_rgb.astype(np.float32), face.trust * left
    pictures = [
        colors * trust[..., None],
        *(way(colors, trust, mirrored=True) for way in ways),
        face.whole_rgb,
    ]
    return np.concatenate([np.rint(np.clip(one, 0, 255)).astype(np.uint8) for one in pictures], axis=1)


if __name__ == "__main__":
    main()
