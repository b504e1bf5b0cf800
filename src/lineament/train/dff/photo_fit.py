"""The fit of one face to one photograph by drawing it: what it changes, and what it makes small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lineament.crop import CropBox
from lineament.errors import ConfigError
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.perspective import Perspective
from lineament.image import Picture, size_wh
from lineament.methods.dff_face import DffEstimate, DffResult, FaceColors
from lineament.models.texture import TextureModel
from lineament.resample import resample_crop
from lineament.result import DEFAULT_SCHEME, MorphableResult
from lineament.train.dff.colour_solver import ColourSolver
from lineament.train.dff.face import FacePoints, FaceSurface, expression_unit
from lineament.train.dff.loss import CHIN, CONTOUR_WEIGHT, JAW
from lineament.train.dff.photometric import photometric
from lineament.train.dff.refine_options import RefineOptions
from lineament.train.dff.skin_mask import skin_weights
from lineament.train.networks.dff.network import DISTANCE_MM, DffConfig, DffOutput, rotation_from_vector

Array = NDArray[np.floating]

UNCERTAIN_MM = 0.7, 2.5
"""What a start's uncertainty is taken for, at least and at most."""


@dataclass(frozen=True, slots=True)
class ModelTables:
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
    def of(cls, face: MorphableResult, texture: TextureModel, *, weak: bool) -> ModelTables:
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


class PhotoFit:
    """One face on one photograph."""

    def __init__(
        self,
        options: RefineOptions,
        tables: ModelTables,
        start: MorphableResult,
        box: CropBox,
        photo: Picture,
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
        groups = [{"params": [free[name]], "lr": step} for name, step in asdict(options.step_sizes).items()]
        optimiser = torch.optim.Adam(groups, betas=(0.8, 0.95))
        decay = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: options.last_step ** (step / max(steps - 1, 1))
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
        """See :attr:`beginning`."""
        box, perspective = self._box, perspective_of(start)
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
            known *= start.shown.at(places, extended=True)
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


def perspective_of(face: MorphableResult) -> Perspective | None:
    """The camera of a face that was found with a perspective one; None for weak perspective."""
    return face.perspective if isinstance(face, DffResult) else None


def _moved(begun: DffOutput, free: Mapping[str, Tensor]) -> DffOutput:
    """The face, changed by differences; see :class:`StepSizes`."""
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
