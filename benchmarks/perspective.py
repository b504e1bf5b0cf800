"""What a camera is worth on close-ups: ``python -m benchmarks.perspective``.

Faces are seen by a pinhole camera from 20 to 100 cm, cut to their crop, and fitted by each of the three
cameras that ``network.camera`` knows, with the true shape (pose and place alone) and with the identity free.
Printed is what is left of the distance between the 68 landmarks, percent of the root of their box's area, and
how far the landmarks of the shape are off, mm, where the identity was free.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import torch

from lineament.geometry.perspective import Perspective
from lineament.geometry.rotation import matrix_from_angles
from lineament.models import load_model
from lineament.train.dff.training import TrainedDff
from lineament.train.networks.dff.network import COMPACT, DffConfig, mean_translation

SIZE, FACES, STEPS = 112, 8, 60


def seen_from(distance_mm: float, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(P, 2) sides of the crop of a face's landmarks, from a distance."""
    rotation = matrix_from_angles(*rng.uniform(-0.5, 0.5, 3) * [1, 0.5, 0.5])
    camera = Perspective(rotation, np.array([0.0, 0.0, distance_mm]), 1.0, np.zeros(2))
    found = camera.image_from_model(points)[:, :2]
    low, high = found.min(0), found.max(0)
    return 0.5 + (found - (low + high) / 2) / (2**0.5 * (high - low).max())


def residual(config: DffConfig, distance_mm: float, *, shape: bool) -> tuple[float, float]:
    """Mean NME of the landmarks, percent, and mean error of the shape's landmarks, mm."""
    model, rng = load_model("lfm"), np.random.default_rng(7)
    points = model.landmark_points("300w-lp")
    network = TrainedDff(config, model, "none")
    xy = points.neutral_model[:, :2]
    where = mean_translation(xy.min(0), xy.max(0), config, 2**0.5)
    network.translation_mean.copy_(torch.as_tensor(where))
    identity = rng.normal(0, 0.8, (FACES, config.identity)).astype(np.float32)
    truth = np.stack([points.vertices_model(one, np.zeros(53, np.float32)) for one in identity])
    wanted = torch.as_tensor(np.stack([seen_from(distance_mm, face, rng) for face in truth])).float()
    size = (wanted.amax(1) - wanted.amin(1)).prod(1).sqrt()
    numbers = torch.zeros(FACES, sum(config.sizes))
    numbers[:, : config.identity] = torch.as_tensor(identity) * (0.0 if shape else 1.0)
    free = torch.ones(sum(config.sizes), dtype=torch.bool)
    free[: config.identity] = shape
    free[config.identity : config.identity + config.texture + config.expression] = False
    moved = torch.zeros(FACES, int(free.sum()), requires_grad=True)
    optimiser = torch.optim.LBFGS([moved], lr=1, max_iter=STEPS, line_search_fn="strong_wolfe")

    def face() -> tuple[torch.Tensor, torch.Tensor]:
        full = numbers.index_add(1, torch.nonzero(free)[:, 0], moved)
        parts = network.parts(full, numbers)
        prior = 1e-6 * full[:, : config.identity].square().sum() if shape else full.sum() * 0
        return (network.landmarks(parts, 1) - wanted), prior

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        apart, prior = face()
        loss = apart.square().sum() + prior
        loss.backward()
        return loss

    optimiser.step(closure)
    with torch.no_grad():
        apart, _ = face()
        nme = 100 * (apart.norm(dim=2).mean(1) / size).mean()
        full = numbers.index_add(1, torch.nonzero(free)[:, 0], moved)
        found = network.landmarks.points_model(network.parts(full, numbers)).numpy()
    return float(nme), float(np.linalg.norm(found - truth, axis=2).mean())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--distances-cm", type=float, nargs="+", default=[20, 30, 40, 60, 100])
    given = parser.parse_args()
    torch.manual_seed(0)
    print("| distance | weak | perspective | free | shape free: weak | perspective | free |")
    print("|---|---|---|---|---|---|---|")
    for distance in given.distances_cm:
        row = []
        for shape in (False, True):
            for camera in ("weak", "perspective", "free"):
                nme, error = residual(replace(COMPACT, camera=camera), 10 * distance, shape=shape)
                row.append(f"{nme:.2f} %, {error:.1f} mm" if shape else f"{nme:.2f} %")
        print(f"| {distance:.0f} cm | " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
