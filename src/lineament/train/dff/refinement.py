"""Faces of any method, fitted to the photograph once more by drawing them: shape, pose, colours and light.

The renderer and the photometric loss are those that Zhou and Huang's regressor learns with; here they move
the numbers of one face. Light and texture are found first, on the geometry that the method gave: each is a
linear problem while the other is held. Then everything moves together by a few tens of steps, held by the
start's own landmarks and by how far numbers usually are from each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lineament.crop import CropBox
from lineament.errors import BoxError, ConfigError
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.perspective import Perspective
from lineament.image import Picture, size_wh
from lineament.methods.dff_face import DffEstimate, DffResult, FaceColors
from lineament.models.texture import TextureModel, load_texture_model
from lineament.resample import resample_crop
from lineament.result import DEFAULT_SCHEME, FaceResult, MorphableResult
from lineament.train.dff.colour_solver import ColourSolver, LightPrior
from lineament.train.dff.face import FacePoints, FaceSurface, expression_unit
from lineament.train.dff.loss import CHIN, CONTOUR_WEIGHT, JAW
from lineament.train.dff.photometric import photometric
from lineament.train.dff.skin_mask import skin_weights
from lineament.train.networks.dff.network import DISTANCE_MM, DffConfig, DffOutput, rotation_from_vector

Array = NDArray[np.floating]

MAX_STEPS = 1000
LEAST_SHARE = 0.3
"""Of the skin's vertices, that have to be on the photograph."""
UNCERTAIN_MM = 0.7, 2.5
"""What a start's uncertainty is taken for, at least and at most."""
FRAME = 1.15
"""Side of the square that is looked at over what the skin fills of it."""


@dataclass(frozen=True, slots=True)
class RefineOptions:
    """Weights of the terms, and how far a step goes.

    Distances are in sides of the square that is looked at, colours in 0..1, coefficients in standard
    deviations, as in :class:`lineament.train.dff.loss.DffLossConfig`. The numbers were chosen on photographs
    of people that training may use (``python -m benchmarks.refine --people training``).

    Attributes:
        size: px along a side of the square that the face is drawn in.
        photo: of the mean distance of colours.
        land: of squared distances that landmarks move from where the method had them.
        identity: of squared differences of identity coefficients from the start.
        expression: the same of expression coefficients.
        certain_mm: uncertainty of a start for which these three weights are meant. They fall with its fourth
            power: what several predictions agree on is better than what colours say, on profiles it is not.
        unknown_mm: uncertainty of a start whose method does not tell.
        bounds: of squares of expression weights beyond the model's bounds.
        texture: of squared texture coefficients.
        light: what light is usual.
        skin_mask: keep what has not the colour of skin out of the photometric term.
        occlusion_mask: keep what the method saw in front of the face out of it.
        rounds: of light and texture in turn, before and after the steps.
        rates: greatest steps: "identity", "expression" and "texture" in standard deviations, "turn" in
            radians, "move" in sides, "grow" in the logarithm of the size, "light" in its coefficients.
        last_rate: of the last step, over that of the first.
    """

    size: int = 112
    photo: float = 100.0
    land: float = 8000.0
    identity: float = 2.0
    expression: float = 2.0
    certain_mm: float = 1.4
    unknown_mm: float = 1.5
    bounds: float = 20.0
    texture: float = 2e-2
    light: LightPrior = LightPrior()
    skin_mask: bool = True
    occlusion_mask: bool = True
    rounds: int = 3
    rates: Mapping[str, float] = field(
        default_factory=lambda: {
            "identity": 0.075,
            "expression": 0.075,
            "turn": 0.006,
            "move": 0.003,
            "grow": 0.0045,
            "texture": 0.05,
            "light": 0.01,
        }
    )
    last_rate: float = 0.1


DEFAULTS = RefineOptions()


class Refiner:
    """Fits faces to their photographs; tables of a face model are made when it is first met.

    One may serve several threads, and remembers nothing of a photograph.
    """

    def __init__(self, options: RefineOptions = DEFAULTS, texture: TextureModel | None = None) -> None:
        """Load the colours.

        Args:
            options: weights and rates.
            texture: the colours of faces; None takes the installed ones.
        """
        self.options = options
        self._texture = load_texture_model() if texture is None else texture
        self._tables: dict[tuple[int, int, int, bool], _Tables] = {}

    def __repr__(self) -> str:
        """The colours."""
        return f"Refiner({self._texture!r})"

    def __call__(self, photo: Picture, face: FaceResult, *, steps: int = 30) -> DffResult:
        """The face, nearer to what the photo shows, with its colours and the light on it.

        Args:
            photo: (H, W, 3) uint8 RGB, or Pillow's picture of it: the one that the face was aligned on.
            face: with coefficients of a face model that the texture model fits.
            steps: of the fit of everything together, 1 to 1000.

        Returns:
            A result of the same face model and camera, scheme of landmarks, detection and crop box. What its
            landmarks have beyond the mesh they keep.

        Raises:
            ConfigError: `steps` is out of its range, or the face has no coefficients, is not finite, or is of
                a model that the textures do not fit.
            BoxError: the face lies outside of the photo.
        """
        if not 1 <= steps <= MAX_STEPS:
            raise ConfigError(f"steps must be 1 to {MAX_STEPS}, found {steps}. 30 are enough for most faces.")
        start = _checked(face)
        tables = self._tables_of(start)
        box = _square_around(start, tables.colors, size_wh(photo), self.options.size)
        fit = _Fit(self.options, tables, start, box, photo)
        with torch.enable_grad():
            found = fit.run(steps)
        before, after = (fit.result(numbers, start) for numbers in (fit.beginning, found))
        moved = after.landmarks(start.landmark_scheme) - before.landmarks(start.landmark_scheme)
        return replace(
            after,
            landmarks_image=(start.landmarks_image + moved).astype(np.float32),
            landmark_scheme=start.landmark_scheme,
        )

    def _tables_of(self, face: MorphableResult) -> _Tables:
        model, weak = face.model, _perspective_of(face) is None
        key = (id(model), len(face.identity), len(face.expression), weak)
        if key not in self._tables:
            self._tables[key] = _Tables.of(face, self._texture, weak=weak)
        return self._tables[key]


@dataclass(frozen=True, slots=True)
class _Tables:
    """What faces of a model share.

    Attributes:
        model: kept, so that its number stays its own.
        colors: of results.
        surface: draws faces.
        landmarks: of :data:`DEFAULT_SCHEME`.
        solver: finds light and texture.
    """

    model: MorphableModel
    colors: FaceColors
    surface: FaceSurface
    landmarks: FacePoints
    solver: ColourSolver

    @classmethod
    def of(cls, face: MorphableResult, texture: TextureModel, *, weak: bool) -> _Tables:
        """Made once a model.

        Raises:
            ConfigError: the textures belong to another mesh.
        """
        model = face.model
        try:
            colors = FaceColors.of(model, texture)
        except ValueError as error:
            raise ConfigError(
                f"This face cannot be refined: {error} Use weights of the model 'lfm'."
            ) from error
        config = DffConfig(
            identity=len(face.identity),
            expression=len(face.expression),
            texture=len(texture.modes),
            camera="weak" if weak else "perspective",
        )
        surface = FaceSurface(model, texture, config)
        landmarks = FacePoints(model.landmark_points(DEFAULT_SCHEME), config)
        return cls(model, colors, surface, landmarks, ColourSolver(surface))


class _Fit:
    """One face on one photograph."""

    def __init__(
        self, options: RefineOptions, tables: _Tables, start: MorphableResult, box: CropBox, photo: Picture
    ) -> None:
        self._options, self._tables, self._box = options, tables, box
        crop = np.array(resample_crop(photo, box))  # a copy: torch wants to write
        self._photo = torch.as_tensor(crop).permute(2, 0, 1)[None].float() / 255
        self._unit = expression_unit(start.model)
        self.beginning = self._numbers_of(start)
        self._known = self._believed(start, size_wh(photo))
        weights = torch.ones(68)
        weights[JAW] = CONTOUR_WEIGHT
        weights[CHIN] = 1.0
        self._landmark_weights = weights
        uncertain_mm = options.unknown_mm if start.uncertainty_mm is None else start.uncertainty_mm
        self._trust = (options.certain_mm / float(np.clip(uncertain_mm, *UNCERTAIN_MM))) ** 4
        self._landmarks = tables.landmarks(self.beginning, 1)
        if options.skin_mask:
            _, mask, _ = tables.surface(self.beginning, box.size)
            self._known = self._known * skin_weights(self._photo, self._known * mask)

    def run(self, steps: int) -> DffOutput:
        """The numbers of the fitted face."""
        options, begun = self._options, self._coloured(self.beginning)
        free = {
            name: torch.zeros(shape, requires_grad=True)
            for name, shape in (
                ("identity", begun.identity.shape),
                ("expression", begun.expression.shape),
                ("turn", (1, 3)),
                ("move", (1, 2)),
                ("grow", (1,)),
                ("texture", begun.texture.shape),
                ("light", begun.light.shape),
            )
        }
        groups = [{"params": [free[name]], "lr": rate} for name, rate in options.rates.items()]
        optimiser = torch.optim.Adam(groups, betas=(0.8, 0.95))
        decay = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: options.last_rate ** (step / max(steps - 1, 1))
        )
        best, least = begun, float("inf")
        for _ in range(steps):
            optimiser.zero_grad()
            face = _moved(begun, free)
            loss = self._loss(face)
            if float(loss.detach()) < least:
                best, least = _detached(face), float(loss.detach())
            loss.backward()
            optimiser.step()
            decay.step()
        with torch.no_grad():
            last = _moved(begun, free)
            if float(self._loss(last)) < least:
                best = last
            return self._coloured(best)

    def result(self, face: DffOutput, start: MorphableResult) -> DffResult:
        """The numbers as a result, with landmarks on the mesh; what is known of the start beside stays."""
        box, size = self._box, self._box.size
        in_crop = Perspective(
            rotation=face.rotation[0].numpy().astype(np.float64),
            translation=face.translation[0].numpy().astype(np.float64),
            focal_px=float(face.focal) * size,
            center_xy=np.array([size / 2, size / 2]),
        )
        perspective = box.perspective_in_image(in_crop)
        is_weak = self._tables.surface.points.camera == "weak"
        estimate = DffEstimate(
            camera=perspective.weak,
            landmarks_image=np.zeros((0, 3)),
            uncertainty_mm=start.uncertainty_mm,
            model=start.model,
            identity=face.identity[0].numpy(),
            expression=face.expression[0].numpy() * np.float32(self._unit),
            perspective=None if is_weak else perspective,
            texture=face.texture[0].numpy(),
            light=face.light[0].numpy(),
            colors=self._tables.colors,
        )
        made = estimate.result(crop_box=start.crop_box, detection=start.detection)
        return replace(made, shown=start.shown, key_scales=start.key_scales, neutral=start.neutral)

    def _numbers_of(self, start: MorphableResult) -> DffOutput:
        """The start as the network would have said it of the square, without colours."""
        box, perspective = self._box, _perspective_of(start)
        if perspective is None:
            camera = start.camera
            center = np.asarray(box.center_xy)
            xy = (np.asarray(camera.translation, np.float64)[:2] - center) / camera.scale
            focal_px = camera.scale * DISTANCE_MM
            perspective = Perspective(camera.rotation, np.append(xy, DISTANCE_MM), focal_px, center)
        light = torch.zeros(1, 9, 3)
        light[:, 0] = self._options.light.ambient
        return DffOutput(
            identity=_row(start.identity),
            texture=torch.zeros(1, len(self._tables.colors.texture.modes)),
            expression=_row(start.expression) / self._unit,
            rotation=_row(perspective.rotation),
            translation=_row(perspective.translation),
            light=light,
            focal=_row(np.asarray(perspective.focal_px / box.side)),
            picture=255 * self._photo,
        )

    def _believed(self, start: MorphableResult, photo_wh: tuple[int, int]) -> Tensor:
        """(1, S, S) what the photo shows of the square, and nothing in front of the face."""
        size = self._box.size
        row, column = np.mgrid[:size, :size] + 0.5
        places = self._box.image_from_crop(np.stack([column.ravel(), row.ravel()], axis=1))
        known = ((places >= 0) & (places <= photo_wh)).all(axis=1).astype(np.float32)
        if self._options.occlusion_mask and start.shown is not None:
            known *= start.shown.at(places, outside=1.0)
        return torch.as_tensor(known.reshape(1, size, size))

    @torch.no_grad()
    def _coloured(self, face: DffOutput) -> DffOutput:
        """The same geometry with the light and the texture that explain the photograph best."""
        options = self._options
        return self._tables.solver(
            face,
            self._photo,
            self._known,
            photo_weight=options.photo,
            texture_weight=options.texture,
            light_prior=options.light,
            rounds=options.rounds,
        )

    def _loss(self, face: DffOutput) -> Tensor:
        """What the fit makes small."""
        options, begun = self._options, self.beginning
        drawn, mask, _ = self._tables.surface(face, self._box.size)
        apart = (self._tables.landmarks(face, 1) - self._landmarks).square().sum(2)
        terms = [
            options.photo * photometric(self._photo, drawn, self._known * mask),
            self._trust * options.land * (apart * self._landmark_weights).sum(),
            self._trust * options.identity * (face.identity - begun.identity).square().sum(),
            self._trust * options.expression * (face.expression - begun.expression).square().sum(),
            options.texture * face.texture.square().sum(),
            options.light.cost(face.light),
        ]
        bounds = self._tables.model.expression_bounds
        if bounds is not None:
            weights, allowed = self._unit * face.expression, self._unit * begun.expression
            low, high = allowed.clamp(max=bounds[0]), allowed.clamp(min=bounds[1])
            beyond = torch.relu(low - weights) + torch.relu(weights - high)
            terms.append(options.bounds * beyond.square().sum())
        return torch.stack(terms).sum()


def _moved(begun: DffOutput, free: Mapping[str, Tensor]) -> DffOutput:
    """The face, changed by differences; see :class:`RefineOptions`, `rates`."""
    translation, grown = begun.translation, torch.exp(-free["grow"])
    depth = translation[:, 2:] * grown
    xy = translation[:, :2] * grown + free["move"] * depth / begun.focal[:, None]
    return replace(
        begun,
        identity=begun.identity + free["identity"],
        expression=begun.expression + free["expression"],
        texture=begun.texture + free["texture"],
        light=begun.light + free["light"],
        rotation=rotation_from_vector(free["turn"]) @ begun.rotation,
        translation=torch.cat([xy, depth], dim=1),
    )


def _detached(face: DffOutput) -> DffOutput:
    names = ("identity", "expression", "texture", "light", "rotation", "translation")
    return replace(face, **{name: getattr(face, name).detach().clone() for name in names})


def _row(values: Array) -> Tensor:
    """Values as a batch of one."""
    return torch.as_tensor(np.array(values, np.float32))[None]


def _perspective_of(face: MorphableResult) -> Perspective | None:
    return face.perspective if isinstance(face, DffResult) else None


def _checked(face: FaceResult) -> MorphableResult:
    """The face, if it can be a start.

    Raises:
        ConfigError: it cannot.
    """
    if not isinstance(face, MorphableResult):
        raise ConfigError(
            f"Refining moves coefficients of a face model, and a {type(face).__name__} has none. Use weights "
            f"whose results have them, such as 'default'."
        )
    if not face.is_finite:
        raise ConfigError("The method failed on this face: none of its numbers is known. Leave it out.")
    if DEFAULT_SCHEME not in face.model.schemes or face.landmark_scheme not in face.mesh.schemes:
        raise ConfigError(
            f"Refining needs landmarks {DEFAULT_SCHEME!r} and {face.landmark_scheme!r} of the face model; "
            f"{face.model.name!r} has {', '.join(sorted(face.model.schemes)) or 'none'}."
        )
    return face


def _square_around(
    face: MorphableResult, colors: FaceColors, photo_wh: tuple[int, int], size: int
) -> CropBox:
    """The upright square of the photo that the skin fills; about the camera's axis where it has one.

    Raises:
        BoxError: hardly any of the skin is on the photo.
    """
    skin = np.asarray(face.vertices_image, np.float64)[np.unique(colors.triangles), :2]
    share = float(((skin >= 0) & (skin <= photo_wh)).all(axis=1).mean())
    low, high = skin.min(axis=0), skin.max(axis=0)
    if share < LEAST_SHARE:
        left, top, right, bottom = (round(float(value)) for value in (*low, *high))
        raise BoxError(
            f"The face, from ({left}, {top}) to ({right}, {bottom}), lies outside of this photo of "
            f"{photo_wh[0]} x {photo_wh[1]} px: {share:.0%} of it are inside. Give the photo that it was "
            f"aligned on, upright as `lineament.read_image` reads it."
        )
    perspective = _perspective_of(face)
    center = (low + high) / 2 if perspective is None else np.asarray(perspective.center_xy)
    side = 2 * FRAME * float(np.abs(np.concatenate([low - center, high - center])).max())
    return CropBox(center_xy=(float(center[0]), float(center[1])), side=side, size=size)
