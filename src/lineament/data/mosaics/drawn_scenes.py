"""Pictures without faces that are drawn, not photographed: anyone may train on them.

A detector must refuse what it was never shown, so these show as much as drawing can: heaps of things with
the statistics of natural pictures (dead leaves), land and sky, walls with windows, coats, letters, round
things in pairs, beasts, skin, arms and hands. Every picture is a function of its generator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lineament.data.mosaics.drawn_fields import (
    SMOOTH,
    Array,
    Field,
    Picture,
    coat,
    fractal,
    painted,
    palette,
    to_picture,
)
from lineament.data.occlusion.drawing import Light
from lineament.data.occlusion.textures import cloth_texture, noise_texture, random_color, skin_color
from lineament.data.occlusion.things import Placing, hand

Color: TypeAlias = tuple[int, int, int]
SCENE_PX = 320
LETTERS = "ABCDEFGHIKLMNOPRSTUVWXYZabcdefghiklmnoprstuvwxyz0123456789&%?!+=@#"


def drawn_scene(rng: np.random.Generator, size: int = SCENE_PX) -> Picture:
    """(size, size, 3) uint8: a scene without a face."""
    generators, probabilities = zip(*SCENES, strict=True)
    scene = generators[rng.choice(len(generators), p=np.array(probabilities) / sum(probabilities))](rng, size)
    if rng.random() < 0.35:
        things = THINGS[rng.integers(len(THINGS))]
        scene = things(rng, scene)
    if rng.random() < 0.5:
        shade = 0.5 + fractal(rng, size, roughness=0.35)[..., None]
        scene = to_picture(scene * shade)
    return scene


def dead_leaves(rng: np.random.Generator, size: int) -> Picture:
    """Things of all sizes one over another, each in its own colour, grain and shade."""
    count = int(rng.integers(30, 255))
    label = Image.new("L", (size, size), 0)
    draw = ImageDraw.Draw(label)
    smallest = rng.uniform(0.008, 0.05)
    radius = size * smallest / np.sqrt(rng.uniform(smallest**2 * 6, 1.0, count))  # many small, few large
    stretch, shape = np.exp(rng.normal(0, rng.uniform(0.05, 1.0))), int(rng.integers(4))
    lean = rng.uniform(0, np.pi)
    for number in range(1, count):
        half = radius[number] * np.array([stretch, 1 / stretch])
        angle = lean + rng.normal(0, 0.4) if rng.random() < 0.7 else rng.uniform(0, np.pi)
        outline = _outline(rng, shape if rng.random() < 0.7 else int(rng.integers(4)), half, angle)
        draw.polygon([tuple(p) for p in (outline + rng.uniform(0, size, 2)).tolist()], fill=number)
    index = np.asarray(label)
    pool = palette(rng)
    own = pool[rng.integers(0, len(pool), count)] + rng.normal(0, rng.uniform(5, 40), (count, 3))
    if rng.random() < 0.3:
        own[rng.random(count) < 0.3] = rng.uniform(0, 255, 3)
    fine, wide = fractal(rng, size, roughness=0.95, first=8) - 0.5, fractal(rng, size) - 0.5
    grain = rng.normal(0, rng.uniform(5, 60), (2, count)).astype(np.float32)
    shade = grain[0][index] * fine + grain[1][index] * wide
    return to_picture(own.astype(np.float32)[index] + shade[..., None])


def _outline(rng: np.random.Generator, shape: int, half: Array, angle: float) -> Array:
    """(P, 2) corners about 0: an ellipse, a leaf, a box or something rugged."""
    if shape == 2:
        corners = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
    else:
        turn = np.linspace(0, 2 * np.pi, 14, endpoint=False)
        corners = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        if shape == 1:
            corners[:, 1] *= np.abs(np.sin(turn))
        elif shape == 3:
            corners *= rng.uniform(0.5, 1.2, (14, 1))
    cosine, sine = np.cos(angle), np.sin(angle)
    return corners * half @ np.array([[cosine, sine], [-sine, cosine]])


def landscape(rng: np.random.Generator, size: int) -> Picture:
    """Sky, ridges one before another, the nearest often with trunks and grass."""
    y = np.linspace(0, 1, size, dtype=np.float32)[:, None]
    clouds = fractal(rng, size, roughness=0.55) * np.float32(rng.uniform(0, 0.8))
    scene = painted(np.clip(1 - y + clouds - 0.3, 0, 1), palette(rng))
    horizon = rng.uniform(0.1, 0.7)
    for number in range(int(rng.integers(1, 6))):
        heights = np.cumsum(rng.normal(0, 1, 16))
        ridge = np.interp(np.linspace(0, 15, size), np.arange(16), heights / max(np.ptp(heights), 1.0))
        top = horizon + number * rng.uniform(0.05, 0.2) + ridge * rng.uniform(0.02, 0.5)
        ground = coat(rng, size) if rng.random() < 0.2 else fractal(rng, size, roughness=0.9, first=6)
        below = y > top[None]
        scene = np.where(below[..., None], painted(ground, palette(rng)), scene)
    image = Image.fromarray(to_picture(scene))
    if rng.random() < 0.6:
        _strokes(rng, ImageDraw.Draw(image), size, upright=rng.random() < 0.6)
    return np.asarray(image)


def _strokes(rng: np.random.Generator, draw: ImageDraw.ImageDraw, size: int, *, upright: bool) -> None:
    """Trunks, branches, blades of grass, wires."""
    colors = palette(rng)
    widest = float(np.exp(rng.uniform(0, np.log(size / 8))))
    for _ in range(int(rng.integers(5, 160))):
        start = rng.uniform(0, size, 2)
        angle = rng.normal(-np.pi / 2, 0.25) if upright else rng.uniform(-np.pi, np.pi)
        reach = size * rng.uniform(0.05, 0.7)
        end = start + reach * np.array([np.cos(angle), np.sin(angle)])
        width = max(1, round(rng.uniform(0.2, 1) * widest))
        draw.line([*start.tolist(), *end.tolist()], fill=_ink(colors[rng.integers(len(colors))]), width=width)


def walls(rng: np.random.Generator, size: int) -> Picture:
    """Fronts with rows of windows, bricks, shelves or tiles, seen at an angle."""
    big = Image.fromarray(to_picture(painted(fractal(rng, size, roughness=0.9, first=8), palette(rng))))
    draw = ImageDraw.Draw(big)
    columns, rows = (int(n) for n in np.exp(rng.uniform(np.log(2), np.log(18), 2)))
    step, fill = np.array([size / columns, size / rows]), rng.uniform(0.4, 0.97, 2)
    panes, shift, colors = int(rng.integers(0, 3)), rng.choice([0.0, 0.5]), palette(rng)
    usual = colors[rng.integers(len(colors))]
    for row in range(rows):
        for column in range(-1, columns):
            corner = (np.array([column + shift * (row % 2), row]) + (1 - fill) / 2) * step
            far = corner + fill * step
            tone = usual + rng.normal(0, 18) if rng.random() < 0.75 else colors[rng.integers(len(colors))]
            draw.rectangle([*corner.tolist(), *far.tolist()], fill=_ink(tone), outline=_ink(tone * 0.6))
            for pane in range(1, panes + 1):
                x = corner[0] + (far[0] - corner[0]) * pane / (panes + 1)
                draw.line([x, corner[1], x, far[1]], fill=_ink(usual * 0.5 + 90), width=max(1, size // 160))
    return np.asarray(_in_perspective(rng, big))


def _in_perspective(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Part of a picture as a plane in space shows it."""
    size = image.width
    corners = np.array([[0, 0], [0, 1], [1, 1], [1, 0]]) + rng.uniform(-0.25, 0.25, (4, 2))
    corners = size * (0.5 + (corners - 0.5) * rng.uniform(0.4, 0.9))
    return image.transform((size, size), Image.Transform.QUAD, corners.ravel().tolist(), SMOOTH)


def coats(rng: np.random.Generator, size: int) -> Picture:
    """Stripes, spots and rings over noise."""
    one, other = (painted(fractal(rng, size, roughness=0.8, first=4), palette(rng)) for _ in range(2))
    fraction = coat(rng, size)[..., None]
    return to_picture(one * fraction + other * (1 - fraction))


def clouds(rng: np.random.Generator, size: int) -> Picture:
    """Noise of one palette: clouds, stone, bark, water, sand, fog."""
    field = fractal(rng, size, roughness=rng.uniform(0.35, 1.0), first=int(rng.integers(2, 12)))
    return to_picture(painted(field, palette(rng)))


def page(rng: np.random.Generator, size: int) -> Picture:
    """Paper or a sign with letters."""
    plain = np.broadcast_to(random_color(rng), (size, size, 3)).copy()
    ground = Image.fromarray(plain if rng.random() < 0.6 else clouds(rng, size))
    write(rng, ground, lines=int(rng.integers(2, 14)))
    return np.asarray(_in_perspective(rng, ground) if rng.random() < 0.5 else ground)


def write(rng: np.random.Generator, image: Image.Image, *, lines: int) -> None:
    """Write lines of letters on a picture, in place."""
    draw = ImageDraw.Draw(image)
    size = image.width
    color = _ink(random_color(rng))
    font = ImageFont.load_default(float(np.exp(rng.uniform(np.log(9), np.log(size / 2)))))
    y = rng.uniform(-0.1, 0.3) * size
    for _ in range(lines):
        text = "".join(rng.choice(list(LETTERS + "     "), int(rng.integers(2, 34))))
        draw.text((rng.uniform(-0.1, 0.4) * size, y), text, fill=color, font=font)
        y += float(font.size) * rng.uniform(0.9, 1.4)
        if y > size:
            break


def skins(rng: np.random.Generator, size: int) -> Picture:
    """Arms, knees, bellies: rounded things in the colours of skin, and hands, before anything."""
    scene = SCENES[rng.integers(3)][0](rng, size)
    for _ in range(int(rng.integers(1, 4))):
        scene = rounded_skin(rng, scene) if rng.random() < 0.6 else hands(rng, scene)
    return scene


def rounded_skin(rng: np.random.Generator, scene: Picture) -> Picture:
    """An ellipsoid in a colour of skin, lit from one side, without anything a face has."""
    size = scene.shape[0]
    half = size * np.exp(rng.uniform(np.log(0.05), np.log(0.45))) * np.array([1.0, rng.uniform(0.6, 3.0)])
    u, v = _local(size, rng.uniform(0, size, 2), half, rng.uniform(0, np.pi))
    ring = u * u + v * v
    depth = np.sqrt(np.clip(1 - ring, 0, 1))
    toward = Light.random(rng)
    lit = np.clip(u * toward.toward[0] + v * toward.toward[1] - depth * toward.toward[2], 0, 1)
    shade = toward.ambient + (1 - toward.ambient) * lit
    grain = 1 + 0.25 * (fractal(rng, size, roughness=0.8, first=3) - 0.5)
    body = skin_color(rng).astype(np.float32) * (shade * grain)[..., None]
    alpha = np.clip((1 - ring) * np.float32(half.min() / 4), 0, 1)[..., None]
    return to_picture(scene * (1 - alpha) + body * alpha)


def hands(rng: np.random.Generator, scene: Picture) -> Picture:
    """A hand or two with forearms."""
    size = scene.shape[0]
    for _ in range(int(rng.integers(1, 3))):
        px_per_mm = size / np.exp(rng.uniform(np.log(220), np.log(1600)))
        placing = Placing(rng.uniform(0, size, 2), rng.uniform(-np.pi, np.pi), px_per_mm, rng.random() < 0.5)
        layer = hand(rng, (size, size), placing, skin_color(rng), Light.random(rng), reach=rng.uniform(0, 1))
        scene = layer.over(np.ascontiguousarray(scene))
    return scene


def round_things(rng: np.random.Generator, scene: Picture) -> Picture:
    """Wheels, lamps, buttons, fruit, flowers: rings about a middle, often two or more side by side."""
    image = Image.fromarray(scene)
    draw = ImageDraw.Draw(image)
    size = image.width
    for _ in range(int(rng.integers(1, 5))):
        radius = size * np.exp(rng.uniform(np.log(0.012), np.log(0.2)))
        center = rng.uniform(0, size, 2)
        gap = radius * rng.uniform(2.1, 6) * np.array([1.0, rng.normal(0, 0.2)])
        colors = [_ink(random_color(rng)) for _ in range(int(rng.integers(1, 5)))]
        petals = int(rng.choice([0, 0, 5, 8, 13]))
        for number in range(int(rng.choice([1, 2, 2, 3, 4]))):
            _rings(draw, center + number * gap, radius, colors, petals)
    return np.asarray(image)


def _rings(draw: ImageDraw.ImageDraw, center: Array, radius: float, colors: list[Color], petals: int) -> None:
    for petal in range(petals):
        angle = 2 * np.pi * petal / petals
        at = center + 1.3 * radius * np.array([np.cos(angle), np.sin(angle)])
        _disc(draw, at, 0.6 * radius, colors[0])
    for number, color in enumerate(colors):
        _disc(draw, center, radius * (1 - number / len(colors)), color)


def _disc(draw: ImageDraw.ImageDraw, center: Array, radius: float, color: Color) -> None:
    draw.ellipse([*(center - radius).tolist(), *(center + radius).tolist()], fill=color)


def beasts(rng: np.random.Generator, scene: Picture) -> Picture:
    """Heads of beasts and birds: fur, ears, eyes at the sides, a muzzle or a beak; no brows, lips or chin."""
    size = scene.shape[0]
    fur = Image.fromarray(coats(rng, size) if rng.random() < 0.4 else clouds(rng, size))
    head = Image.new("L", (size, size), 0)
    radius = size * np.exp(rng.uniform(np.log(0.06), np.log(0.3)))
    center, angle = rng.uniform(0.1, 0.9, 2) * size, rng.normal(0, 0.5)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    mask, ink = ImageDraw.Draw(head), ImageDraw.Draw(fur)
    wide, long = rng.uniform(0.6, 1.1), rng.uniform(0.8, 1.8)
    for side in (-1.0, 1.0):
        ear = np.array([[0.35, -0.6], [rng.uniform(0.6, 1.3), -rng.uniform(1.0, 2.2)], [0.9, -0.2]]) * [
            side,
            1,
        ]
        mask.polygon([tuple(p) for p in (center + radius * ear @ turn).tolist()], fill=255)
    oval = center + radius * _outline(rng, 0, np.array([wide, long]), 0.0) @ turn
    mask.polygon([tuple(p) for p in oval.tolist()], fill=255)
    dark = _ink(rng.uniform(0, 60, 3))
    for side in (-1.0, 1.0):
        eye = center + radius * np.array([side * wide * rng.uniform(0.45, 0.85), -0.25]) @ turn
        _disc(ink, eye, radius * 0.15, _ink(rng.uniform(60, 230, 3)))
        _disc(ink, eye, radius * rng.uniform(0.06, 0.14), dark)
    nose = np.array([[-0.25, 0.55], [0.25, 0.55], [0.0, rng.uniform(0.75, 1.5)]]) * [wide, long]
    ink.polygon([tuple(p) for p in (center + radius * nose @ turn).tolist()], fill=dark)
    return np.asarray(Image.composite(fur, Image.fromarray(scene), head))


def signs(rng: np.random.Generator, scene: Picture) -> Picture:
    """Letters before the scene."""
    image = Image.fromarray(scene)
    write(rng, image, lines=int(rng.integers(1, 4)))
    return np.asarray(image)


def grids(rng: np.random.Generator, scene: Picture) -> Picture:
    """Bars, branches, wires, fences before the scene."""
    image = Image.fromarray(scene)
    _strokes(rng, ImageDraw.Draw(image), image.width, upright=rng.random() < 0.5)
    return np.asarray(image)


def cloths(rng: np.random.Generator, size: int) -> Picture:
    """Cloth in folds."""
    folds = 0.6 + 0.8 * coat(rng, size)[..., None] * fractal(rng, size)[..., None]
    return to_picture(cloth_texture(rng, size) * folds)


def _local(size: int, center: Array, half: Array, angle: float) -> tuple[Field, Field]:
    """Coordinates (size, size) of pixels in an ellipse's own axes, 1 at its border."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    x, y = x - np.float32(center[0]), y - np.float32(center[1])
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return (cosine * x + sine * y) / np.float32(half[0]), (cosine * y - sine * x) / np.float32(half[1])


def _ink(color: Array) -> Color:
    red, green, blue = np.clip(color, 0, 255).astype(int).tolist()
    return red, green, blue


SceneGenerator: TypeAlias = Callable[[np.random.Generator, int], Picture]
SCENES: tuple[tuple[SceneGenerator, float], ...] = (
    (dead_leaves, 0.34),
    (landscape, 0.18),
    (walls, 0.12),
    (coats, 0.08),
    (clouds, 0.06),
    (page, 0.05),
    (skins, 0.10),
    (cloths, 0.04),
    (noise_texture, 0.03),
)
"""Kinds of scenes, and how often each is drawn; the first three may stand behind skin."""
THINGS = (round_things, round_things, beasts, signs, grids, hands, rounded_skin)
