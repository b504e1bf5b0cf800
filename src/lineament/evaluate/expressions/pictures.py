"""Pictures of rendered faces whose keys are raised one at a time: made once, kept in a file.

Identities, textures, hair, light and poses are drawn from a seed that no training set has. Pictures do not
depend on weights, so that all weights are shown the same ones.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.data.fitting.fitted import MadeView
from lineament.data.formats.item import box_of_points
from lineament.data.heads.lids import Lids
from lineament.data.occlusion.textures import any_texture
from lineament.data.render.renderer import FaceRenderer
from lineament.data.render.scene import RenderConfig, Scene, random_scene
from lineament.errors import DataError
from lineament.files import whole_file
from lineament.geometry.morphable import MorphableModel
from lineament.models.arrays import checked, existing, load_npz
from lineament.models.builtin import load_builtin
from lineament.models.texture import load_texture_model
from lineament.result import DEFAULT_SCHEME

Array = NDArray[Any]

SEED = 20261128  # of no training set: those count up from small numbers
FACES = 200
KEYS_EACH = 3
AT_REST = 4
"""Every so many faces are shown without any key too."""
SIZE = 256
JPEG_QUALITY = 92
BACKGROUNDS = 40
COMPANIONS: Mapping[str, Mapping[str, float]] = {"mouthClose": {"jawOpen": 1.0}}
"""What has to be raised too for a key to be seen: lips can only be closed over a jaw that is open."""


@dataclass(frozen=True, slots=True)
class PictureRecipe:
    """What decides about the pictures.

    Attributes:
        seed: of all that is random.
        faces: how many faces, each of another identity, texture, light and pose.
        keys_each: keys raised in turn on each of them.
        max_yaw_deg: yaws are spread evenly up to it.
        size: side of a picture, px.
    """

    seed: int = SEED
    faces: int = FACES
    keys_each: int = KEYS_EACH
    max_yaw_deg: float = 40.0
    size: int = SIZE


@dataclass(frozen=True, slots=True, eq=False)
class RaisedPictures:
    """Faces with one key raised, or none.

    Attributes:
        jpegs: n pictures.
        key: (n,) int, place of the raised key in the face model's names; -1 where none is.
        face: (n,) int, whose face.
        box_xyxy: (n, 4) px, box of the 68 true landmarks.
        yaw_deg: (n,).
    """

    jpegs: tuple[bytes, ...]
    key: NDArray[np.int32]
    face: NDArray[np.int32]
    box_xyxy: Array
    yaw_deg: Array

    def __len__(self) -> int:
        """How many pictures."""
        return len(self.jpegs)

    def read(self, number: int) -> NDArray[np.uint8]:
        """(S, S, 3) uint8 RGB."""
        return np.asarray(Image.open(io.BytesIO(self.jpegs[number])).convert("RGB"))


def raised_pictures(
    path: Path | None,
    recipe: PictureRecipe | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> RaisedPictures:
    """The pictures of a file, made and written there if it does not exist.

    Args:
        path: .npz; None makes them and keeps nothing.
        recipe: which pictures.
        progress: told of ("rendering", pictures done, pictures in all).

    Raises:
        DataError: the file holds other pictures, or is none of ours.
    """
    recipe = recipe or PictureRecipe()
    if path is not None and path.is_file():
        return _read(path, recipe)
    made = render_raised(recipe, progress)
    if path is not None:
        _write(path, made, recipe)
    return made


def render_raised(
    recipe: PictureRecipe, progress: Callable[[str, int, int], None] | None = None
) -> RaisedPictures:
    """Render them; about 0.2 s a picture."""
    model = load_builtin()
    raised = RaisedFaces(renderer_of(model, recipe))
    deal = _deal(len(model.expression_names), recipe)
    total = sum(map(len, deal))
    jpegs, keys, faces, boxes, yaws = [], [], [], [], []
    for face, own in enumerate(deal):
        scene = scene_of(raised.renderer, recipe, face)
        for key in own:
            view = raised(scene, None if key < 0 else model.expression_names[key])
            jpegs.append(jpeg(view.view.image))
            keys.append(key)
            faces.append(face)
            boxes.append(box_of(model, scene, view.view.expression))
            yaws.append(np.degrees(scene.camera.angles.yaw))
            if progress is not None:
                progress("rendering", len(jpegs), total)
    return RaisedPictures(
        tuple(jpegs),
        np.array(keys, np.int32),
        np.array(faces, np.int32),
        np.array(boxes, np.float32),
        np.array(yaws, np.float32),
    )


class RaisedFaces:
    """Draws faces at rest but for one key.

    Attributes:
        renderer: of the scenes' model.
    """

    def __init__(self, renderer: FaceRenderer) -> None:
        self.renderer = renderer
        self._lids = Lids.of(renderer.model)

    def __call__(self, scene: Scene, key: str | None) -> MadeView:
        """The face of a scene with a key raised to 1; an eye that blinks is just shut.

        Args:
            scene: of whose expression nothing is kept.
            key: one of the model's names, raised with its :data:`COMPANIONS`; None shows the face at rest.
        """
        names = self.renderer.model.expression_names
        expression = np.zeros(len(names), np.float32)
        if key is not None:
            for name, weight in {key: 1.0, **COMPANIONS.get(key, {})}.items():
                expression[names.index(name)] = weight
        expression = self._lids.shut(scene.identity, expression)
        return self.renderer.view_of(replace(scene, expression=expression))


def renderer_of(model: MorphableModel, recipe: PictureRecipe) -> FaceRenderer:
    """Draws faces as the recipe has them."""
    config = RenderConfig(
        size=recipe.size,
        face=(0.45, 0.62),
        max_yaw=np.radians(recipe.max_yaw_deg),
        pitch_std=np.radians(9),
        max_pitch=np.radians(20),
        roll_std=np.radians(8),
    )
    rng = np.random.default_rng([recipe.seed, 1])
    backgrounds = [any_texture(rng, [], recipe.size) for _ in range(BACKGROUNDS)]
    return FaceRenderer(model, load_texture_model(), backgrounds, config)


def scene_of(renderer: FaceRenderer, recipe: PictureRecipe, face: int) -> Scene:
    """Of one face; the same however many others there are."""
    rng = np.random.default_rng([recipe.seed, 2, face])
    return random_scene(renderer.model, renderer.texture, renderer.backgrounds, renderer.config, rng)


def _deal(count: int, recipe: PictureRecipe) -> list[list[int]]:
    """For each face the keys raised on it: all keys come up equally often, up to one."""
    rng = np.random.default_rng([recipe.seed, 3])
    cards = _cards(count, rng)
    return [
        ([-1] if face % AT_REST == 0 else []) + [next(cards) for _ in range(recipe.keys_each)]
        for face in range(recipe.faces)
    ]


def _cards(count: int, rng: np.random.Generator) -> Iterator[int]:
    """Numbers below `count`, each once in every round."""
    while True:
        yield from rng.permutation(count).tolist()


def box_of(model: MorphableModel, scene: Scene, expression: Array) -> Array:
    """(4,) px, box of the 68 true landmarks."""
    landmarks = model.landmarks_model(scene.identity, expression, scheme=DEFAULT_SCHEME)
    return box_of_points(scene.camera.image_from_model(landmarks)[:, :2])


def jpeg(image: NDArray[np.uint8]) -> bytes:
    """A picture as it is kept."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=JPEG_QUALITY)
    return stream.getvalue()


def _write(path: Path, made: RaisedPictures, recipe: PictureRecipe) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, suffix=".npz") as temporary:
        np.savez(
            temporary,
            **packed(made.jpegs, recipe),
            key=made.key,
            face=made.face,
            box_xyxy=made.box_xyxy,
            yaw_deg=made.yaw_deg,
        )


def _read(path: Path, recipe: PictureRecipe) -> RaisedPictures:
    arrays = load_npz(existing(path, kind="pictures of raised keys, .npz"))
    jpegs = unpacked(arrays, recipe, path)
    count = len(jpegs)
    return RaisedPictures(
        jpegs,
        checked(arrays, "key", (count,), path=path).astype(np.int32),
        checked(arrays, "face", (count,), path=path).astype(np.int32),
        checked(arrays, "box_xyxy", (count, 4), path=path),
        checked(arrays, "yaw_deg", (count,), path=path),
    )


def packed(jpegs: Sequence[bytes], recipe: PictureRecipe) -> dict[str, Array]:
    """Pictures and what they are of as arrays of a file."""
    return {
        "jpegs": np.frombuffer(b"".join(jpegs), np.uint8),
        "ends": np.cumsum([len(one) for one in jpegs]),
        "recipe": np.array(json.dumps(asdict(recipe), sort_keys=True)),
    }


def unpacked(arrays: Mapping[str, Array], recipe: PictureRecipe, path: Path) -> tuple[bytes, ...]:
    """The pictures of such arrays.

    Raises:
        DataError: they are of another recipe, or damaged.
    """
    told = str(arrays.get("recipe", ""))
    if told != json.dumps(asdict(recipe), sort_keys=True):
        raise DataError(
            f"{path} holds other pictures than {asdict(recipe)}: found {told or 'no recipe'}. "
            f"Name another file, or delete it so that it is made anew."
        )
    ends = checked(arrays, "ends", (None,), path=path).astype(int)
    content = checked(arrays, "jpegs", (None,), path=path).tobytes()
    starts = np.append(0, ends[:-1])
    return tuple(content[first:last] for first, last in zip(starts, ends, strict=True))
