"""Colours of the renderer's pixels: textured skin, painted eyes, teeth, cloth; light and gloss."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.compiled import compiled
from lineament.data.render.kernels import BODY, EYE, MOUTH, NO_STRAND, SCALP_HAIR, SKIN, TEETH, lit_fraction

Array = NDArray[Any]

LIGHT, NORMAL, ALBEDO, REST, HAIR, WIDTH = 0, 3, 6, 9, 12, 13
"""First column of each attribute of the vertices, and how many columns there are."""
SKIN_CLOTH, CREW, SUIT, OPEN_COLLAR, VEE = range(5)
"""Kinds of clothes."""


@compiled(nogil=True, error_model="numpy")
def shade(
    index: Array,
    weights: Array,
    depth: Array,
    strand: Array,
    strand_rgb: Array,
    triangles: Array,
    material: Array,
    attributes: Array,
    uv: Array,
    texture: Array,
    noise: Array,
    key: Array,
    to_light: Array,
    shadow: Array,
    bias: float,
    skin: Array,
    hair_rgb: Array,
    eyes: Array,
    cloth: Array,
    factor: int,
    out: Array,
    cover: Array,
) -> None:
    """Light every fine pixel and average blocks of factor x factor.

    Args:
        index: (H, W) int32, the nearest triangle, -1 where nothing is.
        weights: (H, W, 2) of its first two corners.
        depth: (H, W) px.
        strand: (H, W) uint8, the strand drawn over it.
        strand_rgb: (H, W, 3) its light.
        triangles: (M, 3) int32.
        material: (M,) uint8.
        attributes: (V, WIDTH) float32.
        uv: (V, 2) float32, places on the chart; of no use beyond the face model's vertices.
        texture: (S, S, 3) float32 linear albedo.
        noise: (K, K) float32 of mean 0 and deviation 1, tiling.
        key: (9,) direction to the key light in the axes of the normals, its colour, and the half-way vector.
        to_light: as `lit_fraction`.
        shadow: as `lit_fraction`.
        bias: as `lit_fraction`.
        skin: (4,) strength of noise, its frequency, gloss, exponent of gloss.
        hair_rgb: (3,) linear colour beneath hair.
        eyes: (11,) iris, sclera, pupil, and of the fibres phase and strength; see `_eye`.
        cloth: (16,) kind, neckline, three colours, pattern, its frequency; see `_cloth`.
        factor: fine pixels along a side of one.
        out: (h, w, 3) float32 linear light, written: the mean over what is covered times its cover.
        cover: (h, w) float32, written.
    """
    value = np.zeros(WIDTH, np.float32)
    albedo = np.zeros(3, np.float32)
    fraction = np.float32(1.0 / (factor * factor))
    texels = len(texture)
    last = factor * factor - 1
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            red, green, blue, seen = 0.0, 0.0, 0.0, 0
            # Within one material the two ends of the block's diagonal stand for all of it.
            first = index[row * factor, column * factor]
            even = first >= 0
            for sub in range(factor * factor):
                y, x = row * factor + sub // factor, column * factor + sub % factor
                if not even:
                    break
                t = index[y, x]
                even = strand[y, x] == NO_STRAND and t >= 0 and material[t] == material[first]
            step = last if even and last > 0 else 1
            for sub in range(0, factor * factor, step):
                y, x = row * factor + sub // factor, column * factor + sub % factor
                if strand[y, x] != NO_STRAND:
                    red += strand_rgb[y, x, 0]
                    green += strand_rgb[y, x, 1]
                    blue += strand_rgb[y, x, 2]
                    seen += 1
                    continue
                t = index[y, x]
                if t < 0:
                    continue
                seen += 1
                a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                u, v = weights[y, x, 0], weights[y, x, 1]
                w = 1 - u - v
                for k in range(WIDTH):
                    value[k] = attributes[a, k] * u + attributes[b, k] * v + attributes[c, k] * w
                kind = material[t]
                gloss, power = skin[2], skin[3]
                nx, ny, nz = value[NORMAL], value[NORMAL + 1], value[NORMAL + 2]
                if kind == SKIN:
                    tu = uv[a, 0] * u + uv[b, 0] * v + uv[c, 0] * w
                    tv = uv[a, 1] * u + uv[b, 1] * v + uv[c, 1] * w
                    sx = min(max(tu * texels - 0.5, 0.0), texels - 1.001)
                    sy = min(max(tv * texels - 0.5, 0.0), texels - 1.001)
                    i, j = int(sx), int(sy)
                    fx, fy = np.float32(sx - i), np.float32(sy - j)
                    grain = (
                        1 + skin[0] * noise[int(tv * skin[1]) % len(noise), int(tu * skin[1]) % len(noise)]
                    )
                    bare = grain * (1 - value[HAIR])
                    for k in range(3):
                        upper = texture[j, i, k] * (1 - fx) + texture[j, i + 1, k] * fx
                        lower = texture[j + 1, i, k] * (1 - fx) + texture[j + 1, i + 1, k] * fx
                        albedo[k] = (upper * (1 - fy) + lower * fy) * bare + hair_rgb[k] * value[HAIR]
                    gloss *= 1 - 0.8 * value[HAIR]
                elif kind == EYE:
                    _eye(value, eyes, albedo)
                    gloss, power = 0.5, 140.0
                elif kind == MOUTH:
                    for k in range(3):
                        albedo[k] = value[ALBEDO + k]
                    gloss = 0.15
                elif kind == TEETH:
                    for k in range(3):
                        albedo[k] = value[ALBEDO + k]
                    # Gaps between teeth: the arch's own coordinate counts them.
                    part = abs(value[REST] - np.round(value[REST]))
                    dark = 0.35 + 0.65 * min(part / 0.10, 1.0)
                    for k in range(3):
                        albedo[k] *= dark
                    gloss, power = 0.35, 60.0
                else:
                    clothed = _cloth(value, cloth, noise, albedo)
                    if not clothed:
                        across, along = value[REST] + value[REST + 2] + 400, value[REST + 1] + 400
                        grain = (
                            1 + skin[0] * noise[int(along * 2.2) % len(noise), int(across * 2.2) % len(noise)]
                        )
                        for k in range(3):
                            bare = value[ALBEDO + k] * grain * (1 - value[HAIR])
                            albedo[k] = bare + hair_rgb[k] * value[HAIR]
                    gloss *= 0.15 if clothed else 1 - 0.8 * value[HAIR]
                toward = nx * key[0] + ny * key[1] + nz * key[2]
                lit = 0.0
                if toward > -0.15:
                    lit = lit_fraction(x + 0.5, y + 0.5, depth[y, x], to_light, shadow, bias)
                # Light bleeds a little round the edge of what it reaches, red farthest.
                shine = 0.0
                if toward > 0 and lit > 0:
                    facing = max(nx * key[6] + ny * key[7] + nz * key[8], 0.0)
                    edge = 1 - max(nz, 0.0)
                    shine = gloss * facing**power * lit * (0.35 + 0.65 * edge * edge) * (power + 8) / 25
                soft = 0.0 if kind == BODY else 0.10
                inner = 0.25 if kind == MOUTH else (0.55 if kind == TEETH else 1.0)
                far = max(toward + 1.6 * soft, 0.0) / (1 + 1.6 * soft)
                near = max(toward + 0.5 * soft, 0.0) / (1 + 0.5 * soft)
                red += inner * (albedo[0] * (value[LIGHT] + key[3] * far * lit) + shine * key[3])
                green += inner * (albedo[1] * (value[LIGHT + 1] + key[4] * near * lit) + shine * key[4])
                blue += inner * (albedo[2] * (value[LIGHT + 2] + key[5] * near * lit) + shine * key[5])
            part = np.float32(0.5) if step > 1 else fraction
            out[row, column, 0], out[row, column, 1] = red * part, green * part
            out[row, column, 2], cover[row, column] = blue * part, seen * part


@compiled(nogil=True, error_model="numpy")
def _eye(value: Array, eyes: Array, albedo: Array) -> None:
    """Sclera, iris with fibres and dark rim, pupil: by the angle from the gaze, z of the rest place."""
    ex, ey = value[REST], value[REST + 1]
    away = np.sqrt(ex * ex + ey * ey) / 0.40
    if value[REST + 2] < 0 or away > 1.06:
        veins = min(max(away - 1.1, 0.0) * 0.5, 0.35)
        albedo[0] = eyes[3] * (1 - 0.35 * veins)
        albedo[1] = eyes[4] * (1 - veins)
        albedo[2] = eyes[5] * (1 - veins)
        return
    fibre = 1 + eyes[8] * np.sin(17 * np.arctan2(ey, ex) + eyes[7]) * np.sin(
        41 * np.arctan2(ey, ex) + 2 * eyes[7]
    )
    rim = min(max((away - 0.8) / 0.2, 0.0), 1.0)
    pupil = min(max((away - eyes[6]) / 0.08, 0.0), 1.0)
    edge = min(max((away - 0.98) / 0.08, 0.0), 1.0)
    for k in range(3):
        iris = eyes[k] * fibre * (1 - 0.65 * rim) * (0.7 + 0.6 * away * (1 - rim)) * pupil + 0.002
        albedo[k] = iris * (1 - edge) + eyes[3 + k] * edge


@compiled(nogil=True, error_model="numpy")
def _cloth(value: Array, cloth: Array, noise: Array, albedo: Array) -> bool:
    """Colour of what is worn at a rest place (x, y, z mm); False where the skin is bare."""
    kind = int(cloth[0])
    x, y, z = value[REST], value[REST + 1], value[REST + 2] + 40.0
    front = z > 0
    ahead = z / np.sqrt(x * x + z * z + 1.0)
    below = cloth[1] - 14.0 * max(ahead, 0.0) - y  # mm under the neckline, which is lower in front
    if kind == SKIN_CLOTH or below < 0:
        return False
    first = 2
    if kind == SUIT:
        open_by = 46.0 * (1 - below / 190.0)
        if below < 20 or (front and abs(x) < open_by):
            first = 5
            if front and abs(x) < 7.0 + 0.05 * below and below > 12:
                first = 8
    elif kind == OPEN_COLLAR:
        if front and abs(x) < 30.0 * (1 - below / 75.0):
            return False
        if below < 22:
            first = 5
    elif kind == VEE and front and abs(x) < 0.55 * (150.0 - below):
        return False
    weave = noise[int(abs(y) * cloth[12]) % len(noise), int(abs(x + 300) * cloth[12]) % len(noise)]
    shade = 1 + cloth[11] * weave + 0.12 * np.sin(0.045 * x + 0.03 * y + cloth[15])
    stripe = 1.0
    if first == 2 and cloth[13] > 0:
        stripe = 1 - cloth[13] * (np.sin(x * cloth[14]) > 0.2) * (0.5 + 0.5 * (np.sin(y * cloth[14]) > -0.2))
    for k in range(3):
        albedo[k] = max(cloth[first + k] * shade * stripe, 0.002)
    return True


@compiled(nogil=True, error_model="numpy")
def hidden_skin(
    skin_index: Array,
    index: Array,
    strand: Array,
    triangles: Array,
    material: Array,
    attributes: Array,
    hair: Array,
    factor: int,
) -> tuple[Array, Array]:
    """Pixels where something lies in front of the face: body or cloth, or scalp hair over bare skin.

    Args:
        skin_index: (H, W) the nearest triangle of the face alone, -1 where none is.
        index: (H, W) the nearest triangle of all.
        strand: (H, W).
        triangles: (M, 3).
        material: (M,).
        attributes: (V, WIDTH), for the normals.
        hair: (V,) from 0, skin that bears no hair, to 1.
        factor: fine pixels along a side of one.

    Returns:
        (h, w) bool what is hidden, and (h, w) bool where the outside of the face is nearest but for what
        hides it; by the majority of fine pixels.
    """
    height, width = index.shape[0] // factor, index.shape[1] // factor
    step = max(factor * factor - 1, 1)  # two ends of a block's diagonal
    hidden, face = np.zeros((height, width), np.bool_), np.zeros((height, width), np.bool_)
    for row in range(height):
        for column in range(width):
            count, over = 0, 0
            for sub in range(0, factor * factor, step):
                y, x = row * factor + sub // factor, column * factor + sub % factor
                t = skin_index[y, x]
                if t < 0:
                    continue
                a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                toward = attributes[a, NORMAL + 2] + attributes[b, NORMAL + 2] + attributes[c, NORMAL + 2]
                if material[t] == SKIN and toward < 0:
                    continue
                count += 1
                bare = hair[a] + hair[b] + hair[c] < 0.9
                if material[index[y, x]] == BODY or (strand[y, x] == SCALP_HAIR and bare):
                    over += 1
            face[row, column] = count > 0
            hidden[row, column] = face[row, column] and 2 * over > count
    return hidden, face
