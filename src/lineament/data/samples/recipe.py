"""Recipes of training sets: which photographs, what is made of each, how it is written.

A recipe is a file in TOML; what it leaves out stays as in :data:`DEFAULT`::

    name = "mine"
    licence = "my own photographs, not to be passed on"
    seed = 3
    [rotated]
    count = 12
    [rendered]
    count = 0
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from lineament.config_file import from_table, read_table
from lineament.data.samples.codec import Storage
from lineament.errors import ConfigError
from lineament.ranges import check_number

RENDERED_LICENCE = "rendered faces alone: that of their textures; the package's own may be used by anyone"
"""Of sets without photographs."""


def _check(is_right: bool, name: str, found: object, expected: str) -> None:
    if not is_right:
        raise ConfigError(f"The recipe's {name} is {found!r}; expected {expected}.")


@dataclass(frozen=True, slots=True)
class PhotoOptions:
    """Which photographs are taken.

    Attributes:
        max_residual: photographs whose fit misses its points by more, as a fraction of the face's size, are
            left out.
        min_face: photographs whose face is smaller, px, are left out.
        expression_ridge_mm: residual that a point may keep to spare a whole blendshape. Close-ups were
            trained on fits with 4, whose expressions are bolder.
    """

    max_residual: float = 0.022
    min_face: float = 40.0
    expression_ridge_mm: float = 10.0


@dataclass(frozen=True, slots=True)
class RotatedOptions:
    """Pictures made of each photograph by turning its face.

    Attributes:
        photographed: whether the photograph itself is a sample too.
        count: of rotated pictures, with even coverage of yaw.
        size: side of a picture, px.
        face: longer side of the 68 landmarks' box, px.
        max_yaw_deg: greatest yaw.
    """

    photographed: bool = True
    count: int = 9
    size: int = 160
    face: float = 96.0
    max_yaw_deg: float = 105.0


@dataclass(frozen=True, slots=True)
class EditedOptions:
    """Expressions that photographs lack: eyes shut, mouths opened, brows moved.

    Attributes:
        probability: of the rotated pictures whose expression is changed, 0 to 1.
        mouth_keys: of these the fraction with one key of the mouth or the jaw raised by itself, on one side
            or on both, 0 to 1.
        straight: of photographs that are changed the fraction of which one picture is not turned, 0 to 1.
    """

    probability: float = 0.3
    mouth_keys: float = 0.0
    straight: float = 0.3


@dataclass(frozen=True, slots=True)
class RenderedOptions:
    """Faces that nobody has.

    Attributes:
        count: in the whole set.
        size: side of a picture, px.
        textures: "open", the texture model of the package, made of public-domain photographs; or the file of
            another one, as ``tools/texture_model`` writes it.
        keys_probability: of faces that show single expression keys, each by itself, 0 to 1; the others have
            expressions as photographs have them.
    """

    count: int = 0
    size: int = 160
    textures: str = "open"
    keys_probability: float = 0.0


@dataclass(frozen=True, slots=True)
class OccludedOptions:
    """Things put in front of the head.

    Attributes:
        probability: of all pictures that get one, 0 to 1.
    """

    probability: float = 0.2


@dataclass(frozen=True, slots=True)
class BuildRecipe:
    """What a training set is made of.

    Attributes:
        name: of the recipe.
        licence: under which its samples may be used, in words; that of the photographs.
        collections: sets of ``../shared/photos`` that are taken when no photographs are given.
        backgrounds: "shared", the pictures without people of the shared folder (for research), where they
            are; or "photos", what is seen beside the photographs' own heads. Given ones replace both.
        seed: of all random choices.
        photos_a_shard: about how many photographs make one shard.
        photos: which photographs are taken.
        rotated: pictures made by turning.
        edited: expressions that photographs lack.
        rendered: faces that nobody has.
        occluded: things in front of the head.
        storage: how samples are written.
    """

    name: str = "mine"
    licence: str = "that of the photographs"
    collections: tuple[str, ...] = ()
    backgrounds: Literal["shared", "photos"] = "shared"
    seed: int = 1
    photos_a_shard: int = 64
    photos: PhotoOptions = field(default_factory=PhotoOptions)
    rotated: RotatedOptions = field(default_factory=RotatedOptions)
    edited: EditedOptions = field(default_factory=EditedOptions)
    rendered: RenderedOptions = field(default_factory=RenderedOptions)
    occluded: OccludedOptions = field(default_factory=OccludedOptions)
    storage: Storage = field(default_factory=Storage)

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        counts = {
            "rotated.count": self.rotated.count,
            "rendered.count": self.rendered.count,
        }
        for name, count in counts.items():
            _check(count >= 0, name, count, "0 or more")
        probabilities = {
            "edited.probability": self.edited.probability,
            "edited.mouth_keys": self.edited.mouth_keys,
            "edited.straight": self.edited.straight,
            "occluded.probability": self.occluded.probability,
            "rendered.keys_probability": self.rendered.keys_probability,
        }
        for name, probability in probabilities.items():
            _check(0 <= probability <= 1, name, probability, "between 0 and 1")
        _check(self.photos_a_shard > 0, "photos_a_shard", self.photos_a_shard, "1 or more")
        for key, value in asdict(self).items():
            options = value.items() if isinstance(value, dict) else ((key, value),)
            for name, number in options:
                check_number(name, number, where=f"{key}.{name}" if isinstance(value, dict) else name)

    @property
    def digest(self) -> str:
        """Twelve letters that change with anything in the recipe."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]


DEFAULT = BuildRecipe(
    name="default",
    licence="research: two of the three collections are for research and training only",
    collections=("ytf", "lfw_expressions", "congress"),
    rotated=RotatedOptions(count=11),
    rendered=RenderedOptions(count=20_000),
)
"""All collections of ``../shared/photos``."""

OPEN = BuildRecipe(
    name="open",
    licence="photographs in the public domain in the main; weights trained on these may be used by anyone",
    collections=("congress",),
    backgrounds="photos",
    rotated=RotatedOptions(count=24),
    rendered=RenderedOptions(count=40_000),
)
"""Only photographs in the public domain, and faces rendered with their textures."""

RECIPES: Mapping[str, BuildRecipe] = {recipe.name: recipe for recipe in (DEFAULT, OPEN)}


def find_recipe(name_or_path: str) -> BuildRecipe:
    """A named recipe, or one from a file.

    Raises:
        ConfigError: no such name or file, or a file that is no recipe.
    """
    if name_or_path in RECIPES:
        return RECIPES[name_or_path]
    path = Path(name_or_path)
    if not path.is_file():
        raise ConfigError(
            f"There is no recipe {name_or_path!r}: choose {', '.join(RECIPES)}, or give a TOML file."
        )
    return read_recipe(path)


def read_recipe(path: Path) -> BuildRecipe:
    """A recipe from its file.

    Raises:
        ConfigError: it cannot be read, or has a key or a value that recipes do not have.
    """
    base = replace(BuildRecipe(), name=path.stem)
    return from_table(BuildRecipe, read_table(path), where=path.name, base=base)


def recipe_text(recipe: BuildRecipe) -> str:
    """The recipe as the text of a file that :func:`read_recipe` reads back to the same."""
    values, tables = [], []
    for key, value in asdict(recipe).items():
        if isinstance(value, dict):
            tables += ["", f"[{key}]", *(f"{k} = {_toml(v)}" for k, v in value.items())]
        else:
            values.append(f"{key} = {_toml(value)}")
    return "\n".join([*values, *tables]) + "\n"


def _toml(value: object) -> str:
    """A value as TOML writes it; JSON's strings, numbers and lists are TOML's too."""
    return json.dumps(value)
