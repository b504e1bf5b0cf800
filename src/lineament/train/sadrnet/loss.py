"""SADRNet's six losses."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.train.batches.labels import LabelBatch
from lineament.train.networks.sadrnet import SadrNet, SadrOutput
from lineament.train.sadrnet.chart import SadrChart
from lineament.train.sadrnet.self_alignment import SelfAlignment
from lineament.train.sadrnet.targets import ATTENTION, FACE, OFFSET

SMALLEST = 1e-8  # squared length below which an edge or a distance has no direction


@dataclass(frozen=True, slots=True)
class SadrLossConfig:
    """Weights of the terms; the defaults are the paper's.

    Attributes:
        aligned: L_G, of the shape where the alignment puts it; the official code has 0.
        aligned_from: fraction of the run before which L_G plays no part: alignments of maps that nobody has
            trained yet mean nothing. Where the pose is regressed L_G stands for L_P, from the start.
        offset: L_D.
        position: L_P.
        attention: L_A.
        edge: L_E.
        normal: L_V.
        neck: of the neck and under-jaw in the map of weights 16 : 12 : 3 : neck.
    """

    aligned: float = 0.1
    aligned_from: float = 0.2
    offset: float = 0.5
    position: float = 1.0
    attention: float = 0.05
    edge: float = 1.0
    normal: float = 0.1
    neck: float = 0.0


class SadrLoss(nn.Module):
    """The terms of a batch.

    Args:
        config: weights.
        network: whose steps are counted; not kept as a child.
        chart: tables of its maps, with the neck's weight.
        steps: of the run.
    """

    def __init__(self, config: SadrLossConfig, network: SadrNet, chart: SadrChart, *, steps: int) -> None:
        super().__init__()
        self.config, self._steps = config, steps
        self._network = (network,)  # in a tuple, or its weights would count as the loss's own
        self.align = SelfAlignment(network.config, chart)
        weights = torch.as_tensor(chart.weights)
        known = weights > 0
        self.register_buffer("weights", weights / known.sum())
        self.register_buffer("mean_map", torch.as_tensor(chart.mean_map))
        self.register_buffer("across", known[:, 1:] & known[:, :-1])
        self.register_buffer("down", known[1:] & known[:-1])
        # Of each square of four texels the triangle at its upper left and the one at its lower right.
        square = known[1:, 1:] & known[1:, :-1] & known[:-1, 1:] & known[:-1, :-1]
        self.register_buffer("squares", square)

    def forward(self, found: SadrOutput, truth: LabelBatch) -> dict[str, Tensor]:
        """Each term, weighted, and their sum under "loss".

        All are means over the batch; rows without coefficients count for nothing.
        """
        config, rows, targets = self.config, truth.fitted_weights, truth.targets
        terms: dict[str, Tensor] = {}
        if found.face_map is not None:
            distance = self.map_distance(found.face_map, targets[FACE])
            terms["position"] = config.position * (distance * rows).mean()
        if found.shape_map is not None:
            shape = targets[OFFSET] + self.mean_map
            terms["offset"] = config.offset * (self.map_distance(found.shape_map, shape) * rows).mean()
            if config.edge:
                terms["edge"] = config.edge * (self.edge_difference(found.shape_map, shape) * rows).mean()
            if config.normal:
                terms["normal"] = config.normal * (self.edge_cosine(found.shape_map, shape) * rows).mean()
            weight = self._aligned_weight(found)
            if weight:
                aligned = self.align.aligned(found, self.align(found))
                terms["aligned"] = weight * (self.map_distance(aligned, targets[FACE]) * rows).mean()
        if found.attention is not None:
            costs = functional.binary_cross_entropy_with_logits(
                found.attention, targets[ATTENTION], reduction="none"
            )
            terms["attention"] = config.attention * (costs.mean((1, 2)) * rows).mean()
        return {"loss": torch.stack(list(terms.values())).sum(), **terms}

    def _aligned_weight(self, found: SadrOutput) -> float:
        """The weight of L_G at the network's present step."""
        if found.pose is not None:
            return self.config.position
        if not self.config.aligned or found.face_map is None:
            return 0.0
        begun = int(self._network[0].steps) > self.config.aligned_from * self._steps
        return self.config.aligned if begun else 0.0

    def map_distance(self, found: Tensor, expected: Tensor) -> Tensor:
        """(B,) weighted mean distance over the face of two (B, 3, M, M) maps."""
        distance = ((found - expected).square().sum(1) + SMALLEST).sqrt()
        return (distance * self.weights).sum((1, 2))

    def edge_difference(self, found: Tensor, expected: Tensor) -> Tensor:
        """(B,) mean difference of the lengths of edges between neighbouring texels; L_E."""
        total = torch.zeros_like(found[:, 0, 0, 0])
        for axis, known in ((3, self.across), (2, self.down)):
            lengths = (self._lengths(values.diff(dim=axis)) for values in (found, expected))
            one, other = lengths
            total = total + ((one - other).abs() * known).sum((1, 2))
        return total / (self.across.sum() + self.down.sum())

    def edge_cosine(self, found: Tensor, expected: Tensor) -> Tensor:
        """(B,) mean absolute cosine between found edges of triangles and their true normals; L_V."""
        total = torch.zeros_like(found[:, 0, 0, 0])
        pairs = zip(_triangles(found), _triangles(expected), strict=True)
        for edges, true_edges in pairs:
            normals = torch.linalg.cross(true_edges[0], true_edges[1], dim=1)
            normals = normals / (normals.square().sum(1, keepdim=True) + SMALLEST**2).sqrt()
            for edge in edges:
                cosine = (edge * normals).sum(1).abs() / self._lengths(edge)
                total = total + (cosine * self.squares).sum((1, 2))
        return total / (6 * self.squares.sum())

    @staticmethod
    def _lengths(edges: Tensor) -> Tensor:
        return (edges.square().sum(1) + SMALLEST).sqrt()


def _triangles(values: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """The three edges, each (B, 3, M - 1, M - 1), of the two triangles of every square of texels."""
    a, b = values[:, :, :-1, :-1], values[:, :, :-1, 1:]
    c, d = values[:, :, 1:, :-1], values[:, :, 1:, 1:]
    return [(b - a, c - a, c - b), (c - d, b - d, c - b)]
