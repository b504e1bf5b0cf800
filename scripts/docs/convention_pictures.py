"""Makes the pictures of docs/conventions.md from a demo photograph: frames, angles, landmarks, chart, pixels.

python -m scripts.docs.convention_pictures --out docs/images
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import lineament as la
from lineament.draw import contact_sheet, side_by_side
from lineament.draw.marks import AXES_RGB
from lineament.draw.sheet import INK_RGB, PAPER_RGB
from lineament.export import FaceTexturer, frontal_view
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles
from lineament.geometry.topology import unique_edges

Array = NDArray[np.floating]
Picture = NDArray[np.uint8]
Color = tuple[int, int, int]

PHOTO = Path(__file__).parents[2] / "demo" / "photos" / "hopper.jpg"
HEAD_XYXY = (162, 118, 378, 378)  # of that photo, px
SIDE = 620  # px, of a panel
FINER = 2  # panels are drawn so many times larger, for smooth lines


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out: Path = parser.parse_args().out
    photo = la.read_image(PHOTO)
    (face,) = la.FaceAligner.from_pretrained()(photo)
    makers: dict[str, Callable[[Picture, la.MorphableResult], Picture]] = {
        "frames": frames,
        "angles": angles,
        "landmarks": landmarks,
        "chart": chart,
        "pixels": lambda photo, face: pixels(),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, make in makers.items():
        path = out / f"{name}.jpg"
        Image.fromarray(make(photo, face)).save(path, quality=80, optimize=True)
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


class Panel:
    """A picture of our own with a pen; lengths and places are px of the finished picture."""

    def __init__(self, picture: Image.Image) -> None:
        """Draw on a finer copy of a picture."""
        self._fine = picture.resize((picture.width * FINER, picture.height * FINER), Image.Resampling.LANCZOS)
        self._pen = ImageDraw.Draw(self._fine)

    @classmethod
    def blank(cls, width: int, height: int) -> Panel:
        """An empty sheet."""
        return cls(Image.new("RGB", (width, height), PAPER_RGB))

    def line(self, points: Array, color: Color, *, width: float = 1.5) -> None:
        """A line through (N, 2) points."""
        flat = (np.asarray(points) * FINER).ravel().tolist()
        self._pen.line(flat, fill=color, width=max(1, round(width * FINER)))

    def arrow(self, start: Array, end: Array, color: Color, *, width: float = 4.0) -> None:
        """An arrow with a solid head."""
        start, end = np.asarray(start, float), np.asarray(end, float)
        along = (end - start) / np.linalg.norm(end - start)
        across = np.array([-along[1], along[0]])
        neck = end - 4.5 * width * along
        self.line(np.stack([start, neck]), color, width=width)
        corners = np.stack([end, neck + 2 * width * across, neck - 2 * width * across]) * FINER
        self._pen.polygon([tuple(corner) for corner in corners.tolist()], fill=color)

    def dot(self, place: Array, radius: float, color: Color) -> None:
        """A disc."""
        x, y = np.asarray(place) * FINER
        r = radius * FINER
        self._pen.ellipse((x - r, y - r, x + r, y + r), fill=color)

    def away(self, place: Array, radius: float, color: Color) -> None:
        """The sign of an arrow that flies away from the viewer: a ring with a cross."""
        x, y = np.asarray(place) * FINER
        r = radius * FINER
        self._pen.ellipse((x - r, y - r, x + r, y + r), fill=PAPER_RGB, outline=color, width=3 * FINER)
        reach = 0.62 * radius
        for slope in (1, -1):
            step = np.array([reach, slope * reach])
            self.line(np.stack([np.asarray(place) - step, np.asarray(place) + step]), color, width=3)

    def text(
        self, place: Array, words: str, color: Color = INK_RGB, *, size: int = 19, anchor: str = "mm"
    ) -> None:
        """Words with a dark rim, so that they are read on photographs too."""
        x, y = np.asarray(place) * FINER
        font = ImageFont.load_default(size * FINER)
        self._pen.text(
            (float(x), float(y)),
            words,
            fill=color,
            font=font,
            anchor=anchor,
            stroke_width=2 * FINER,
            stroke_fill=PAPER_RGB,
        )

    def finished(self) -> Picture:
        """(H, W, 3) uint8 RGB."""
        return np.asarray(self._fine.reduce(FINER))


def frames(photo: Picture, face: la.MorphableResult) -> Picture:
    """The axes of `image` on the photo, those of `model` on the head."""
    return side_by_side([image_frame(photo, face), model_frame(face)], gap=16)


def image_frame(photo: Picture, face: la.MorphableResult) -> Picture:
    """The photo with its own axes at its corner, px along them, and one landmark with its coordinates."""
    zoom = SIDE / photo.shape[0]
    border = 46
    width = round(photo.shape[1] * zoom)
    sheet = Image.new("RGB", (width + 2 * border, SIDE + 2 * border), PAPER_RGB)
    sheet.paste(Image.fromarray(photo).resize((width, SIDE), Image.Resampling.LANCZOS), (border, border))
    panel = Panel(sheet)
    origin = np.array([border, border], float)
    for axis, end in enumerate((width, SIDE)):
        step = np.eye(2)[axis]
        for value in range(100, photo.shape[1 - axis], 100):
            place = origin + value * zoom * step
            panel.line(np.stack([place, place + 9 * step[::-1]]), INK_RGB, width=2)
            panel.text(place - 20 * step[::-1], str(value), size=15)
        panel.arrow(origin, origin + (end + border - 6) * step, AXES_RGB[axis])
    panel.away(origin, 13, AXES_RGB[2])
    panel.text(moved(origin, width + 22, -24), "x", AXES_RGB[0], size=26)
    panel.text(moved(origin, -24, SIDE + 22), "y", AXES_RGB[1], size=26)
    panel.text(moved(origin, 26, 28), "z, away from the viewer", AXES_RGB[2], anchor="lm")
    nose = face.landmarks_image[30]
    place = origin + nose[:2] * zoom
    panel.dot(place, 5, (255, 255, 255))
    panel.text(moved(place, 14, 4), f"({nose[0]:.0f}, {nose[1]:.0f})", size=18, anchor="lm")
    panel.text([sheet.width / 2, SIDE + 1.6 * border], "image: the photo, px", size=21)
    return panel.finished()


def model_frame(face: la.MorphableResult) -> Picture:
    """The head turned a little aside, with its axes through its origin."""
    height = SIDE + 92
    camera = WeakPerspective(
        rotation=matrix_from_angles(np.deg2rad(38), np.deg2rad(16), 0.0),
        scale=2.3,
        translation=np.array([270.0, 345.0, 0.0]),
    )
    rotated = projected_by(face, camera)
    paper = np.full((height, 640, 3), PAPER_RGB, np.uint8)
    panel = Panel(Image.fromarray(la.draw_mesh(paper, rotated, opacity=0.55)))
    origin = camera.translation[:2]
    marks = (
        ("x, the person's left", 150, (-20, 38)),
        ("y, up", 128, (34, 4)),
        ("z, the front", 185, (10, 24)),
    )
    for axis, (words, length, beside) in enumerate(marks):
        end = camera.image_from_model(length * np.eye(3)[axis])[:2]
        panel.arrow(origin, end, AXES_RGB[axis], width=5)
        panel.text(moved(end, *beside), words, AXES_RGB[axis])
    panel.dot(origin, 6, (255, 255, 255))
    panel.text([320, SIDE + 1.6 * 46], "model: the head, mm", size=21)
    return panel.finished()


def moved(place: Array, right: float, down: float) -> Array:
    """A place so many px further."""
    return np.asarray(place) + np.array([right, down])


def projected_by(face: la.MorphableResult, camera: WeakPerspective) -> la.MorphableResult:
    """The same face before another camera."""
    return la.MorphableResult.from_coefficients(
        face.model,
        face.identity,
        face.expression,
        camera=camera,
        crop_box=face.crop_box,
        detection=face.detection,
    )


def angles(photo: Picture, face: la.MorphableResult) -> Picture:
    """The demo face turned by each angle alone, to both sides."""
    texture = FaceTexturer(face.mesh)(photo, face)
    tiles, captions = [], []
    for name, degrees in (("yaw", 35), ("pitch", 25), ("roll", 25)):
        for sign in (-1, 0, 1):
            angle = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0} | {name: np.deg2rad(sign * degrees)}
            rotation = matrix_from_angles(**angle)
            rotated = face.vertices_model @ rotation.T.astype(np.float32)
            # `frontal_view` undoes the face's own camera, so that only our turn is left.
            as_projected = replace(face, vertices_image=face.camera.image_from_model(rotated))
            tiles.append(on_paper(frontal_view(as_projected, texture, size=300)))
            captions.append(f"{name} {sign * degrees:+d}°" if sign else f"{name} 0°")
    return contact_sheet(tiles, captions=captions, columns=3, tile=250)


def on_paper(picture_rgba: Picture) -> Picture:
    """A transparent picture on our dark paper."""
    paper = Image.new("RGBA", (picture_rgba.shape[1], picture_rgba.shape[0]), (*PAPER_RGB, 255))
    return np.asarray(Image.alpha_composite(paper, Image.fromarray(picture_rgba)).convert("RGB"))


def landmarks(photo: Picture, face: la.MorphableResult) -> Picture:
    """The 68 numbers on the photo and on the mesh."""
    left, top, right, bottom = HEAD_XYXY
    zoom = 900 / (bottom - top)
    size_wh = (round((right - left) * zoom), 900)
    head = np.asarray(Image.fromarray(photo).crop(HEAD_XYXY).resize(size_wh, Image.Resampling.LANCZOS))
    shift = np.array([left, top, 0.0])
    near = WeakPerspective(
        face.camera.rotation, face.camera.scale * zoom, (face.camera.translation - shift) * zoom
    )
    on_photo = la.draw_landmarks(head, projected_by(face, near), numbers=True)
    paper = np.full((900, 760, 3), PAPER_RGB, np.uint8)
    # An open mouth, or the numbers of the inner lips would lie on one another.
    expression = np.float32([0.55 * (name == "jawOpen") for name in face.model.expression_names])
    camera = WeakPerspective(np.eye(3), 4.1, np.array([380.0, 400.0, 0.0]))
    frontal = projected_by(replace(face, expression=expression), camera)
    on_mesh = la.draw_landmarks(la.draw_mesh(paper, frontal, opacity=1.0), frontal, numbers=True)
    return side_by_side([on_photo, on_mesh])


def chart(photo: Picture, face: la.MorphableResult) -> Picture:
    """The face's colours on its chart, and the mesh's edges there, with u to the right and v down."""
    border, model = 46, face.model
    texture = FaceTexturer(model.mesh, size=SIDE)(photo, face)
    panels = []
    for words, picture in (("seen on the photo", on_paper(texture.marked_rgba)), ("the mesh", None)):
        sheet = Image.new("RGB", (SIDE + 2 * border, SIDE + 2 * border), PAPER_RGB)
        if picture is not None:
            sheet.paste(Image.fromarray(picture), (border, border))
        panel = Panel(sheet)
        if picture is None:
            draw_edges(panel, border + model.uv * SIDE, model.triangles)
        square = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) * SIDE + border
        panel.line(square, (110, 110, 120))
        for axis, name in enumerate("uv"):
            step = np.eye(2)[axis]
            panel.arrow([border, border], border + (SIDE + 30) * step, AXES_RGB[axis])
            end = border + SIDE * step
            panel.text(end - 22 * step[::-1] + 24 * step, name, AXES_RGB[axis], size=24)
            panel.text(end - 22 * step[::-1] - 6 * step, "1", size=17)
        panel.text([border - 18, border - 18], "0", size=17)
        panel.text([border + SIDE / 2, SIDE + 1.6 * border], words, size=21)
        panels.append(panel.finished())
    return side_by_side(panels, gap=16)


def draw_edges(panel: Panel, places: Array, triangles: NDArray[np.integer]) -> None:
    """The edges of triangles whose vertices lie at (N, 2) places of a panel."""
    for first, second in unique_edges(triangles).tolist():
        panel.line(places[[first, second]], (120, 170, 220), width=0.5)


def pixels() -> Picture:
    """Six pixels of a photo and where coordinates fall on them."""
    cell, border = 130, 70
    panel = Panel.blank(4 * cell + 2 * border, 2 * cell + 2 * border)
    origin = np.array([border, border], float)
    for row in range(2):
        for column in range(4):
            corner = moved(origin, column * cell, row * cell)
            square = corner + cell * np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]])
            panel.line(square, (110, 110, 120))
            panel.dot(corner + cell / 2, 4, INK_RGB)
            panel.text(moved(corner, cell / 2, cell / 2 + 22), f"({column + 0.5}, {row + 0.5})", size=16)
            panel.text(moved(corner, cell / 2, 24), f"photo[{row}, {column}]", (150, 200, 255), size=16)
    for axis, count in enumerate((4, 2)):
        step = np.eye(2)[axis]
        panel.arrow(origin, origin + (count * cell + 42) * step, AXES_RGB[axis])
        for value in range(count + 1):
            panel.text(origin + value * cell * step - 24 * step[::-1], str(value), size=17)
    panel.text(moved(origin, 4 * cell + 52, 2), "x", AXES_RGB[0], size=24)
    panel.text(moved(origin, 2, 2 * cell + 56), "y", AXES_RGB[1], size=24)
    return panel.finished()


if __name__ == "__main__":
    main()
