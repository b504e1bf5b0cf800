"""What an aligner is opened from, and how it travels to another process: as recipes in place of networks."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from lineament.bundle import Bundle, Manifest, same_bundle
from lineament.detect import DetectorOptions, OnnxDetector
from lineament.errors import ConfigError
from lineament.methods.pretrained import open_close_ups, open_method

EXCHANGEABLE = ("method", "first_look", "close_ups", "detector")
"""Attributes of an aligner that may be of the caller's own making."""


Opened = TypeVar("Opened")
Made = TypeVar("Made", covariant=True)


class Opener(Protocol[Made]):
    """A function of a module that opens something of weights, such as :func:`open_method`."""

    def __call__(self, bundle: Bundle, *, threads: int | None, device: str) -> Made:
        """What it opens."""
        ...


@dataclass(frozen=True, slots=True)
class Recipe(Generic[Opened]):
    """What something was opened from; pickles in its place.

    Attributes:
        opener: opens it: :func:`open_method`, or :func:`open_close_ups` of weights that lend theirs.
        source: name of installed weights, or absolute path.
        sha256: checksum of the bundle.
        threads: as given.
        device: as given.
    """

    opener: Opener[Opened]
    source: str
    sha256: str
    threads: int | None
    device: str

    def open(self) -> Opened:
        """The same of the same weights here.

        Raises:
            WeightsError: the weights are not here or differ, or as :meth:`open_from`.
            ConfigError: as :meth:`open_from`.
        """
        return self.open_from(same_bundle(self.source, self.sha256))

    def open_from(self, bundle: Bundle) -> Opened:
        """The same of weights that are open already.

        Raises:
            WeightsError: they belong to no known method, have no close-ups, or are damaged.
            ConfigError: `threads` is below one, or this ONNX Runtime does not have the device.
        """
        return self.opener(bundle, threads=self.threads, device=self.device)


@dataclass(frozen=True, slots=True)
class PretrainedParts:
    """Parts of an aligner that were opened from weights, by the attribute that has them.

    Attributes:
        opened: methods and close-ups.
        recipes: of the same.
    """

    opened: Mapping[str, Any] = field(default_factory=dict)
    recipes: Mapping[str, Recipe[Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, bundle: Bundle, *, threads: int | None, device: str) -> PretrainedParts:
        """The method of weights, and what other weights lend it.

        Raises:
            WeightsError: as :meth:`Recipe.open_from`, or weights that these name are not installed.
            ConfigError: as :meth:`Recipe.open_from`.
        """
        manifest = bundle.manifest
        parts: dict[str, tuple[Opener[Any], Bundle]] = {"method": (open_method, bundle)}
        if manifest.first_look is not None:
            parts["first_look"] = (open_method, Bundle.open(manifest.first_look))
        if manifest.close_ups is not None:
            parts["close_ups"] = (open_close_ups, Bundle.open(manifest.close_ups))
        recipes = {
            name: Recipe(opener, each.source, each.sha256, threads, device)
            for name, (opener, each) in parts.items()
        }
        return cls({name: recipe.open_from(parts[name][1]) for name, recipe in recipes.items()}, recipes)

    @classmethod
    def from_recipes(cls, recipes: Mapping[str, Recipe[Any]]) -> PretrainedParts:
        """The same parts, opened here.

        Raises:
            WeightsError: as :meth:`Recipe.open`.
            ConfigError: as :meth:`Recipe.open`.
        """
        return cls({name: recipe.open() for name, recipe in recipes.items()}, recipes)

    def with_recipes(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """An aligner's attributes, with recipes in place of those that are these parts still."""
        return {
            name: self.recipes[name] if name in self.opened and value is self.opened[name] else value
            for name, value in attributes.items()
        }


def check_picklable(attributes: Mapping[str, Any]) -> None:
    """Refuse an aligner's attributes that cannot be pickled.

    Raises:
        ConfigError: a method or detector of the caller's own cannot.
    """
    for part in EXCHANGEABLE:
        try:
            pickle.dumps(attributes[part])
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ConfigError(
                f"The {part} of this aligner, {type(attributes[part]).__name__}, cannot be pickled "
                f"({error}). Make the aligner where it is used, or give the class a __reduce__."
            ) from error


def open_detector(
    manifest: Manifest,
    *,
    threads: int | None,
    device: str,
    min_face: float | None,
    min_score: float | None,
) -> OnnxDetector | None:
    """The detector that weights name; None where they name none.

    Args:
        manifest: of the weights.
        threads: CPU threads; None takes what the weights say.
        device: "cpu", "cuda" or "auto".
        min_face: px, in place of what the weights say; None leaves it.
        min_score: 0 to 1, likewise.

    Raises:
        WeightsError: the detector is not installed, or damaged.
        ConfigError: an option is out of its range, or this ONNX Runtime does not have the device.
    """
    spec = manifest.detector
    if spec is None:
        return None
    options = DetectorOptions.from_table(spec.options).changed(min_face=min_face, min_score=min_score)
    threads = manifest.threads if threads is None else threads
    return OnnxDetector(spec.weights, threads=threads, options=options, device=device)
