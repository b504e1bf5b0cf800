"""What weights know of a face's colours and light: ``python -m benchmarks.face_colours --weights dff``.

On photographs of people that nobody may train on (points set by people: FG-NET, CFP's frontals and profiles):
the photometric error of the drawn face, the mean distance of its colours (0..1, the root of three channels'
squares) from the photograph's over the pixels that it covers and that have the colour of skin. Beside it what
is left where light and texture are fitted to each photograph, with the geometry of the weights and with that
of ``--beside``: the least that a network could reach there.

On faces drawn in a known light over photographs of people: the error of the colours without light at the
vertices that are seen, in levels of 255, and after the best common factor; and that of the light, percent of
its mean, over the directions that face the viewer. Beside it what a grey-world guess has: the mean face's
colours, lit from all around as brightly as the picture is.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lineament.bundle import Bundle
from lineament.crop import CropBox
from lineament.data.photographs.collections import shared_folder
from lineament.evaluate.items import EvaluationItem
from lineament.evaluate.sets.handset import load_handset
from lineament.methods.dff import Dff
from lineament.methods.dff_face import DffEstimate
from lineament.methods.estimate import Estimate, MorphableEstimate
from lineament.methods.method import Method
from lineament.methods.pretrained import open_method
from lineament.models import load_model
from lineament.models.texture import load_texture_model
from lineament.resample import resample_crop
from lineament.train.dff.colour_solver import ColourSolver, LightPrior
from lineament.train.dff.face import FaceSurface, expression_unit
from lineament.train.dff.loss import OURS
from lineament.train.dff.photometric import photometric
from lineament.train.dff.renderer import harmonics
from lineament.train.dff.skin_mask import skin_weights
from lineament.train.networks.dff.network import FOCAL, LIGHT, DffConfig, DffOutput

SIZE = 112
ROUNDS = 3
KINDS = ("fgnet", "cfp-frontal", "cfp-profile")
CONFIG = DffConfig(identity=100)
DARKEST = 0.2
"""Of light on a drawn face, where one is that of a surface as its texture has it."""


@dataclass(frozen=True, slots=True)
class Studio:
    """Draws faces that methods say of crops.

    Attributes:
        surface: of the face model.
        unit: weight of one standard deviation of an expression.
    """

    surface: FaceSurface
    unit: float

    def face(self, estimate: Estimate, box: CropBox, crop: NDArray[np.uint8]) -> DffOutput:
        """What a method says of a crop, colours too where it knows them, as the renderer takes it."""
        assert isinstance(estimate, MorphableEstimate | DffEstimate)
        perspective = estimate.perspective if isinstance(estimate, DffEstimate) else None
        camera = box.camera_in_crop(estimate.camera)
        focal = FOCAL if perspective is None else perspective.focal_px / box.side
        depth = focal * SIZE / camera.scale
        xy = (np.asarray(camera.translation)[:2] - SIZE / 2) / camera.scale
        texture, light = np.zeros(CONFIG.texture), LightPrior().mean.numpy()
        if isinstance(estimate, DffEstimate):
            texture, light = estimate.texture, estimate.light
        identity = np.zeros(CONFIG.identity, np.float32)
        identity[: len(estimate.identity)] = estimate.identity
        return DffOutput(
            identity=_row(identity),
            texture=_row(texture),
            expression=_row(estimate.expression / self.unit),
            rotation=_row(camera.rotation),
            translation=_row(np.array([*xy, depth])),
            light=_row(light),
            focal=torch.tensor([float(focal)]),
            picture=torch.as_tensor(crop.copy()).permute(2, 0, 1)[None].float(),
        )

    def error(self, face: DffOutput) -> float:
        """Photometric error."""
        rendered, known = self.drawn(face)
        return float(photometric(face.picture / 255, rendered, known))

    def drawn(self, face: DffOutput) -> tuple[Tensor, Tensor]:
        """The drawn face, and how far each pixel is believed."""
        rendered, mask, _ = self.surface(face, SIZE)
        weight = mask.float()
        return rendered, weight * skin_weights(face.picture / 255, weight)

    def fitted(self, face: DffOutput) -> DffOutput:
        """With the light and texture that suit the photograph best."""
        _, known = self.drawn(face)
        return ColourSolver(self.surface)(
            face,
            face.picture / 255,
            known,
            photo_weight=OURS.photo,
            texture_weight=OURS.texture,
            light_prior=LightPrior(),
            rounds=ROUNDS,
        )


def _row(values: NDArray[np.floating]) -> Tensor:
    return torch.as_tensor(np.asarray(values, np.float32))[None]


def crop_of(method: Method, item: EvaluationItem) -> tuple[NDArray[np.uint8], CropBox]:
    """The crop of an item around its box."""
    box = method.crop_rule.around_box(item.box_xyxy)
    return resample_crop(item.photo.read(), box), box


def photographs(studio: Studio, weights: Dff, beside: Method, items: Sequence[EvaluationItem]) -> list[float]:
    """Mean photometric error of the weights, with their geometry fitted, and with the other's fitted."""
    rows = []
    for item in items:
        crop, box = crop_of(weights, item)
        [own], [other] = (method.estimate(crop[None], [box]) for method in (weights, beside))
        face, there = studio.face(own, box, crop), studio.face(other, box, crop)
        rows.append([studio.error(one) for one in (face, studio.fitted(face), studio.fitted(there))])
    return [float(value) for value in np.mean(rows, axis=0)]


def known_colours(studio: Studio, weights: Dff, items: Sequence[EvaluationItem]) -> NDArray[np.floating]:
    """(2, 3) mean errors of the weights and of the guess: colours, colours after a factor, light."""
    rng, prior = np.random.default_rng(0), LightPrior()
    spread = np.linalg.cholesky(np.linalg.inv((prior.precision / prior.weight).double().numpy()))
    rows = []
    for item in items:
        crop, box = crop_of(weights, item)
        [estimate] = weights.estimate(crop[None], [box])
        truth = studio.face(estimate, box, crop)
        light = _some_light(prior, spread, rng)
        truth = replace(
            truth,
            identity=_row(rng.normal(0, 0.8, CONFIG.identity)),
            texture=_row(rng.normal(0, 0.8, CONFIG.texture)),
            light=_row(light),
        )
        rendered, mask, normals = studio.surface(truth, SIZE)
        picture = torch.where(mask[:, None], 255 * rendered.clamp(0, 1), truth.picture)
        shown = picture[0].permute(1, 2, 0).round().byte().numpy()
        [found] = weights.estimate(shown[None], [box])
        guess = _grey_world(studio, truth, rendered, mask)
        seen = normals[0, :, 2] > 0.1
        rows.append([_apart(studio, one, truth, seen) for one in (studio.face(found, box, shown), guess)])
    return np.mean(rows, axis=0)


def _some_light(prior: LightPrior, spread: NDArray[np.floating], rng: np.random.Generator) -> NDArray[Any]:
    """(9, 3) usual light that leaves no side that faces the viewer dark, or with less than no light."""
    while True:
        light = prior.mean.numpy() + (spread @ rng.normal(size=27)).reshape(LIGHT)
        if float((_front() @ torch.as_tensor(light, dtype=torch.float32)).min()) > DARKEST:
            return light


def _front() -> Tensor:
    """(500, 9) harmonics of directions that face the viewer."""
    drawn = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    directions = torch.nn.functional.normalize(drawn, dim=1)
    return harmonics(directions * torch.sign(directions[:, 2:]))


def _grey_world(studio: Studio, truth: DffOutput, rendered: Tensor, mask: Tensor) -> DffOutput:
    """The mean face's colours in a light from all around that makes it as bright as the picture."""
    one = LightPrior().mean[None]
    plain = replace(truth, texture=torch.zeros_like(truth.texture), light=one)
    there, _, _ = studio.surface(plain, SIZE)
    inside = mask[0]
    bright = (rendered[0][:, inside].mean(1) / there[0][:, inside].mean(1))[None, None]
    return replace(plain, light=one * bright)


def _apart(studio: Studio, found: DffOutput, truth: DffOutput, seen: Tensor) -> list[float]:
    """Errors of colours, levels; the same after the best factor; and of light, percent."""
    given, wanted = (255 * studio.surface.albedo(one)[0, seen] for one in (found, truth))
    factor = (given * wanted).sum() / (given * given).sum()
    here, there = (_front() @ one.light[0] for one in (found, truth))
    return [
        float((given - wanted).square().mean().sqrt()),
        float((factor * given - wanted).square().mean().sqrt()),
        float(100 * (here - there).square().mean().sqrt() / there.mean()),
    ]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--weights", default="dff")
    parser.add_argument("--beside", default="default", help="of whose geometry colours are fitted too")
    parser.add_argument("--faces", type=int, default=40, help="of each kind")
    given = parser.parse_args()
    weights, beside = (open_method(Bundle.open(name), threads=1) for name in (given.weights, given.beside))
    if not isinstance(weights, Dff):
        parser.error(f"{given.weights} knows no colours: name weights of the method dff.")
    model = load_model("lfm")
    studio = Studio(FaceSurface(model, load_texture_model(), CONFIG), expression_unit(model))
    data = load_handset(shared_folder() / "photos", given.faces)
    print(f"| photographs | faces | {given.weights} | colours fitted | {given.beside}, colours fitted |")
    print("|---|---|---|---|---|")
    chosen = []
    with torch.no_grad():
        for kind in KINDS:
            items = [item for item in data.items if kind in item.landmarks][: given.faces]
            chosen += items
            errors = photographs(studio, weights, beside, items)
            print(f"| {kind} | {len(items)} | " + " | ".join(f"{e:.3f}" for e in errors) + " |", flush=True)
        print("| drawn faces | colours, levels | after a factor | light, % |\n|---|---|---|---|")
        both = known_colours(studio, weights, chosen)
    for name, row in zip((given.weights, "grey world"), both, strict=True):
        print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in row) + " |")


if __name__ == "__main__":
    main()
