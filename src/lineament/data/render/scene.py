"""Everything that decides about one rendered picture, and how it is drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lineament.data.heads.eyes import EyeLook, random_eyes
from lineament.data.render.expressions import random_expression, random_keys
from lineament.data.render.hair import HairStyle, random_style
from lineament.data.render.identities import Identities, photographed_identities
from lineament.data.render.lighting import Light, LightConfig, random_light
from lineament.data.render.shading import CREW, OPEN_COLLAR, SKIN_CLOTH, SUIT, VEE
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.rotation import matrix_from_angles
from lineament.models.texture import TextureModel

Array = NDArray[np.floating]
Image8 = NDArray[np.uint8]

FRAMING_SCHEME = "lfm-68"
BEARDS = ("stubble", "moustache", "goatee", "full")


@dataclass(frozen=True, slots=True)
class RenderConfig:
    """Range of rendered pictures.

    Attributes:
        size: side of a picture, px.
        factor: fine pixels along the side of one: edges are averages of its square.
        face: least and greatest longer side of the box of the 68 landmarks, as a part of the picture's side.
        off_centre: standard deviation of that box's centre from the picture's, as a part of its side.
        max_yaw: radians; yaw is spread evenly.
        pitch_std: standard deviation, radians.
        max_pitch: radians.
        roll_std: standard deviation, radians.
        identities: who is drawn; :func:`~lineament.data.render.identities.prior_identities` draws from all
            faces that the model can make, with a standard deviation of about 0.9.
        identity_std: factor on deviations of identities from their mean. Vertices then spread by 2.3 mm,
            as in collections less formal than portraits (``python -m tools.measure_identities``).
        neck: least and greatest width of necks, 1 as wide as the jaw.
        texture_std: of texture coefficients.
        beard_probability: of all faces.
        keys_probability: of faces whose expression is made of single keys, each by itself
            (:func:`~lineament.data.render.expressions.random_keys`); the others show what faces usually do.
        keys_max_yaw: greatest yaw of those, radians.
        light: range of light.
    """

    size: int = 256
    factor: int = 2
    face: tuple[float, float] = (0.40, 0.62)
    off_centre: float = 0.03
    max_yaw: float = np.radians(105)
    pitch_std: float = np.radians(19)
    max_pitch: float = np.radians(60)
    roll_std: float = np.radians(13)
    identities: Identities = field(default_factory=photographed_identities)
    identity_std: float = 1.3
    neck: tuple[float, float] = (0.78, 1.0)
    texture_std: float = 0.8
    beard_probability: float = 0.22
    keys_probability: float = 0.0
    keys_max_yaw: float = np.radians(60)
    light: LightConfig = field(default_factory=LightConfig)


@dataclass(frozen=True, slots=True)
class Scene:
    """One face, what surrounds it, and the light on it.

    Attributes:
        camera: px of the picture.
        identity: (K,).
        expression: (E,).
        shoulders: (3, 3) rotation of the shoulders.
        neck: factor on the neck's width.
        albedo: (S, S, 3) float32, encoded colours of the skin on the chart.
        light: all light.
        hair: cut and colour.
        beard: kind, or empty.
        eyes: their colours.
        clothes: (16,) float32 as `render_shading.shade` takes them.
        skin: (4,) float32: grain, its frequency, gloss, its exponent.
        background: (size, size, 3) uint8.
        seed: of strands.
    """

    camera: WeakPerspective
    identity: Array
    expression: Array
    shoulders: Array
    neck: float
    albedo: Array
    light: Light
    hair: HairStyle
    beard: str
    eyes: EyeLook
    clothes: Array
    skin: Array
    background: Image8
    seed: int

    @property
    def skin_rgb(self) -> Array:
        """(3,) linear colour of cheeks and nose."""
        size = len(self.albedo)
        cheeks = self.albedo[int(0.45 * size) : int(0.56 * size) : 2, int(0.2 * size) : int(0.8 * size) : 3]
        return np.square(np.median(cheeks.reshape(-1, 3), axis=0))


def random_scene(
    model: MorphableModel,
    texture: TextureModel,
    backgrounds: Sequence[Image8],
    config: RenderConfig,
    rng: np.random.Generator,
) -> Scene:
    """A scene that nobody has seen."""
    identity = config.identities.sample(rng, len(model.identity_basis), std=config.identity_std)
    if config.keys_probability and rng.uniform() < config.keys_probability:
        expression = random_keys(model.expression_names, rng)
        config = replace(config, max_yaw=config.keys_max_yaw)
    else:
        expression = random_expression(model.expression_names, rng)
    rotation, shoulders = random_pose(config, rng)
    camera = framed(model, identity, expression, rotation, config, rng)
    return Scene(
        camera=camera,
        identity=identity,
        expression=expression,
        shoulders=shoulders,
        neck=float(rng.uniform(*config.neck)),
        albedo=random_albedo(texture, config, rng),
        light=random_light(rng, config.light),
        hair=random_style(rng),
        beard=str(rng.choice(BEARDS)) if rng.uniform() < config.beard_probability else "",
        eyes=random_eyes(rng),
        clothes=random_clothes(rng),
        skin=np.array(
            [rng.uniform(0.02, 0.07), rng.uniform(400, 900), rng.gamma(2.0, 0.05), rng.uniform(8, 28)],
            np.float32,
        ),
        background=_background(backgrounds, config.size, rng),
        seed=int(rng.integers(2**31)),
    )


def random_pose(config: RenderConfig, rng: np.random.Generator) -> tuple[Array, Array]:
    """Rotations of head and shoulders; the latter turn along, but less."""
    yaw = rng.uniform(-config.max_yaw, config.max_yaw)
    std = config.pitch_std * (1.6 if rng.uniform() < 0.2 else 0.75)
    pitch = np.clip(rng.normal(0.03, std), -config.max_pitch, config.max_pitch)
    roll = rng.normal(0, config.roll_std)
    lag = np.clip(rng.normal(0, np.radians(22)), -np.radians(50), np.radians(50))
    body_yaw = yaw - lag * (1 if abs(yaw) > 0.3 else 0.6)
    head = matrix_from_angles(yaw, pitch, roll)
    shoulders = matrix_from_angles(body_yaw, 0.35 * pitch, 0.4 * roll + rng.normal(0, 0.05))
    return head, shoulders


def framed(
    model: MorphableModel,
    identity: Array,
    expression: Array,
    rotation: Array,
    config: RenderConfig,
    rng: np.random.Generator,
) -> WeakPerspective:
    """A camera that sees the landmarks' box near the picture's middle at a random size."""
    points = model.landmarks_model(identity, expression, scheme=FRAMING_SCHEME)
    upright = WeakPerspective(rotation, 1.0, np.zeros(3))
    xy = upright.image_from_model(points)[:, :2]
    low, high = xy.min(axis=0), xy.max(axis=0)
    scale = rng.uniform(*config.face) * config.size / float((high - low).max())
    middle = config.size * (0.5 + config.off_centre * rng.standard_normal(2))
    return replace(upright, scale=scale, translation=np.append(middle - scale * (low + high) / 2, 0.0))


def random_albedo(texture: TextureModel, config: RenderConfig, rng: np.random.Generator) -> Array:
    """(S, S, 3) encoded colours of a random face; dark and fair skin more often than the model has them."""
    colors = texture.uv_map(texture.sample(rng, std=config.texture_std, maximum=2.2))
    tone = rng.normal(0.06, 0.13) - (rng.uniform() < 0.22) * rng.uniform(0.15, 0.5)
    warm = rng.normal(0, 0.03) - 0.12 * min(tone, 0.0)
    gain = np.exp(np.array([tone * 0.8 + warm, tone, tone * 1.05 - warm]))
    return np.clip(colors * gain.astype(np.float32), 0.02, 0.98)


def random_clothes(rng: np.random.Generator) -> NDArray[np.float32]:
    """(16,) kind, neckline, three linear colours, weave, its frequency, stripes, theirs, phase of folds."""
    kind = rng.choice([SKIN_CLOTH, CREW, SUIT, OPEN_COLLAR, VEE], p=[0.05, 0.33, 0.27, 0.19, 0.16])
    first = np.square(np.clip(rng.uniform(0.05, 0.9) + rng.normal(0, 0.13, 3), 0.03, 0.95))
    second = np.square(np.clip(rng.choice([0.85, 0.9, 0.6]) + rng.normal(0, 0.05, 3), 0.05, 0.96))
    third = np.square(np.clip(rng.uniform(0.05, 0.6, 3), 0.02, 0.9))
    if kind == SUIT:
        first = np.square(np.clip(rng.uniform(0.08, 0.35) + rng.normal(0, 0.02, 3), 0.03, 0.9))
    neckline = {CREW: -136.0, SUIT: -116.0, OPEN_COLLAR: -122.0, VEE: -138.0}.get(int(kind), -136.0)
    stripes = rng.uniform(0.1, 0.6) if rng.uniform() < 0.3 and kind != SUIT else 0.0
    values = [kind, neckline + rng.normal(0, 5), *first, *second, *third]
    values += [
        rng.uniform(0.02, 0.15),
        rng.uniform(0.4, 2.0),
        stripes,
        rng.uniform(0.15, 0.6),
        rng.uniform(0, 6),
    ]
    return np.array(values, np.float32)


def _background(backgrounds: Sequence[Image8], size: int, rng: np.random.Generator) -> Image8:
    """(size, size, 3) a piece of a background picture."""
    picture = backgrounds[rng.integers(len(backgrounds))]
    height, width = picture.shape[:2]
    side = int(rng.uniform(0.4, 1.0) * min(height, width))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    if rng.uniform() < 0.5:
        picture = picture[:, ::-1]
    rows = top + (np.arange(size) + 0.5) * side / size
    columns = left + (np.arange(size) + 0.5) * side / size
    return picture[rows.astype(int)[:, None], columns.astype(int)]
