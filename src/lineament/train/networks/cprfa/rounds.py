"""A round: stages in which each group of parameters is updated by its matrices (sections 4 and 6)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from lineament.methods.cprfa_pose import LEAST_SCALE
from lineament.train.networks.cprfa.capu import StepLength, path_error
from lineament.train.networks.cprfa.config import CprfaConfig
from lineament.train.networks.cprfa.matrices import (
    FOLDED,
    CrossKernel,
    PairKernel,
    RollKernel,
    ScaleKernel,
    TripleKernel,
    shift,
)
from lineament.train.networks.cprfa.updates import UpdateNet

GROUP_PLACES = {"r_xy": (0, 2), "r_z": (2, 3), "s": (3, 4)}
"""Where each group lies in a pose."""
PX = 256


@dataclass(frozen=True, slots=True)
class Observations:
    """What B crops show, in the unit frame.

    Attributes:
        points: (B, C, 2) of the chosen vertices, 3 with depth; zero where not detected.
        valid: (B, C) 1 where detected.
        landmarks: (B, 68, 2) of an external detector; zero where there are none.
        landmark_valid: (B, 68).
        path_points: (B, P, 2) of the vertices that the line search looks at.
        path_valid: (B, P).
        path_vertex: (B, P) int, places among all vertices with a code; None where shapes are at hand.
    """

    points: Tensor
    valid: Tensor
    landmarks: Tensor
    landmark_valid: Tensor
    path_points: Tensor
    path_valid: Tensor
    path_vertex: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Shapes:
    """Points of B faces about the middle of the mean's landmarks, unit frame before the pose.

    Attributes:
        chosen: (B, C, 3).
        landmarks: (B, 68, 3).
        path: (B, P, 3), or None where no line search asks.
    """

    chosen: Tensor
    landmarks: Tensor
    path: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """All of a group's matrices that comes of the observations alone, the same in every stage.

    Attributes:
        kernels: of each branch: vertices, and landmarks where they are fused.
        of_known: what each branch's first layer makes of where its matrices are known.
    """

    kernels: list[PairKernel]
    of_known: list[Tensor]


class ShapeTable(nn.Module):
    """Chosen vertices and landmarks of faces of coefficients.

    Args:
        chosen: (C, 3) mean and (K, C, 3) modes.
        landmarks: the same of the 68.
    """

    def __init__(self, chosen: tuple[Tensor, Tensor], landmarks: tuple[Tensor, Tensor]) -> None:
        super().__init__()
        for name, (mean, modes) in (("chosen", chosen), ("landmarks", landmarks)):
            self.register_buffer(f"{name}_mean", mean, persistent=False)
            self.register_buffer(f"{name}_modes", modes.flatten(1), persistent=False)

    def forward(self, alpha: Tensor) -> Shapes:
        """Of (B, K) whitened coefficients."""
        return Shapes(
            *(
                getattr(self, f"{name}_mean") + (alpha @ getattr(self, f"{name}_modes")).unflatten(1, (-1, 3))
                for name in ("chosen", "landmarks")
            )
        )


def rotations(pose: Tensor) -> Tensor:
    """(B, 3, 3) of (B, 6) poses; twin of :func:`lineament.methods.cprfa_pose.rotation_of_pose`."""
    (sx, sy, sz), (cx, cy, cz) = (f(pose[:, :3]).unbind(1) for f in (torch.sin, torch.cos))
    rows = [
        torch.stack([cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx], 1),
        torch.stack([sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx], 1),
        torch.stack([-sy, cy * sx, cy * cx], 1),
    ]
    return torch.stack(rows, 1)


def projected(shape: Tensor, pose: Tensor) -> Tensor:
    """(B, n, 3) points of shapes where poses put them; depth about the middle."""
    placed = pose[:, 3, None, None] * (shape @ rotations(pose).transpose(1, 2))
    return placed + torch.cat([pose[:, 4:], torch.zeros_like(pose[:, :1])], dim=1)[:, None]


class Round(nn.Module):
    """Some stages over shared networks.

    Args:
        config: sizes and switches.
        channels: (3, N) int, places of each channel's points among the chosen vertices.
        alpha: whether coefficients are updated; the second round leaves them.
        line_search: whether steps are looked along.
    """

    def __init__(self, config: CprfaConfig, channels: Tensor, *, alpha: bool, line_search: bool) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("channels", channels)
        count = {"alpha": config.identity + config.expression, "r_xy": 2, "r_z": 1, "s": 1}
        self.groups = tuple(name for name in count if alpha or name != "alpha")
        masked = config.cpr.mask_channel
        self.networks = nn.ModuleDict(
            {
                name: UpdateNet(len(channels), config.updates, count[name], masked=masked)
                for name in self.groups
            }
        )
        branches = 2 if config.updates.fusion else 1
        self.lengths = nn.ModuleDict(
            {
                name: nn.ModuleList(StepLength(config.capu) for _ in range(branches))
                for name in (self.groups if line_search else ())
            }
        )

    def forward(
        self,
        seen: Observations,
        pose: Tensor,
        alpha: Tensor,
        shapes_of: ShapeTable | Shapes,
        *,
        half: bool = False,
    ) -> list[tuple[Tensor, Tensor]]:
        """Pose (B, 6) and alpha (B, K) after each stage.

        Args:
            seen: what the crops show.
            pose: at the beginning.
            alpha: whitened, at the beginning.
            shapes_of: gives the shapes of coefficients, or the shapes themselves where alpha stays.
            half: whether the networks multiply in bf16; the geometry between them never does.
        """
        memory, after, compared = self.start(pose), [], self.compared(seen, half=half)
        for _ in range(self.config.updates.stages):
            pose, alpha, memory = self.stage(
                seen, pose, alpha, memory, shapes_of, half=half, compared=compared
            )
            after.append((pose, alpha))
        return after

    @property
    def memory_widths(self) -> list[int]:
        """Numbers that each branch of each group remembers from stage to stage."""
        return [width for network in self.networks.values() for width in network.state_widths]

    def start(self, like: Tensor) -> Tensor:
        """(B, M) the memory at the beginning of a round: nothing."""
        return like.new_zeros(like.shape[0], sum(self.memory_widths))

    def stage(
        self,
        seen: Observations,
        pose: Tensor,
        alpha: Tensor,
        memory: Tensor,
        shapes_of: ShapeTable | Shapes,
        *,
        half: bool = False,
        compared: dict[str, Compared] | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Pose, alpha and memory after one stage; arguments as of :meth:`forward`.

        Args:
            seen: what the crops show.
            pose: before.
            alpha: before.
            memory: (B, M) of all groups' branches, in their order.
            shapes_of: see there.
            half: see there.
            compared: what :meth:`compared` gives, where several stages share it.
        """
        compared = self.compared(seen, half=half) if compared is None else compared
        left = list(memory.split(self.memory_widths, dim=1))
        kept: list[Tensor] = []
        shapes, placed = self._posed(shapes_of, alpha, pose)
        for name in self.groups:
            own = compared[name]
            matrices = [
                kernel.values(model) for kernel, model in zip(own.kernels, self._sets(placed), strict=True)
            ]
            states, left = left[: len(matrices)], left[len(matrices) :]
            with torch.autocast(pose.device.type, torch.bfloat16, enabled=half):
                found = self.networks[name](matrices, own.of_known, states)
            kept += [state.float() for state in found.states]
            step = self._step(name, [each.float() for each in found.steps], seen, shapes, pose)
            if name == "alpha":
                alpha = alpha + step
            else:
                pose = _added(pose, name, step)
            if self.config.updates.order == "sequential" or name == self.groups[-1]:
                shapes, placed = self._posed(shapes_of, alpha, pose)
        pose = pose + torch.cat([torch.zeros_like(pose[:, :4]), self._shift(seen, placed)], dim=1)
        return pose, alpha, torch.cat(kept, dim=1)

    @staticmethod
    def _posed(shapes_of: ShapeTable | Shapes, alpha: Tensor, pose: Tensor) -> tuple[Shapes, Shapes]:
        shapes = shapes_of if isinstance(shapes_of, Shapes) else shapes_of(alpha)
        return shapes, replace(
            shapes, chosen=projected(shapes.chosen, pose), landmarks=projected(shapes.landmarks, pose)
        )

    def compared(self, seen: Observations, *, half: bool = False) -> dict[str, Compared]:
        """Of each group, what its matrices are made of before there is a model; see :class:`Compared`."""
        sets = [(seen.points[:, self.channels], seen.valid[:, self.channels])]
        if self.config.updates.fusion:
            sets.append((seen.landmarks[:, None], seen.landmark_valid[:, None]))
        found = {}
        for name in self.groups:
            kernels = [self._kernel(name, *each) for each in sets]
            with torch.autocast(seen.points.device.type, torch.bfloat16, enabled=half):
                of_known = self.networks[name].of_known([kernel.known for kernel in kernels])
            found[name] = Compared(kernels, of_known)
        return found

    def _sets(self, placed: Shapes) -> list[Tensor]:
        """(B, C, N, 3) of the model, as each branch's kernel compares them."""
        vertices = placed.chosen[:, self.channels]
        return [vertices, placed.landmarks[:, None]] if self.config.updates.fusion else [vertices]

    def _kernel(self, name: str, observed: Tensor, valid: Tensor) -> PairKernel:
        cpr, least = self.config.cpr, self.config.cpr.short_px / PX
        if name == "s":
            return ScaleKernel(observed, valid, log=cpr.scale == "log", layout=FOLDED)
        if name == "r_z":
            kind = CrossKernel if cpr.rz == "cross_pair" else RollKernel
            return kind(observed, valid, least=least, layout=FOLDED)
        # With depth the triples of alpha are in space, those of r_xy stay in the plane.
        points = observed if name == "alpha" else observed[..., :2]
        return TripleKernel(points, valid, least=least, layout=FOLDED)

    def _step(
        self, name: str, steps: list[Tensor], seen: Observations, shapes: Shapes, pose: Tensor
    ) -> Tensor:
        """(B, count) what is added: each branch's increment, as far as its line search says."""
        there = [seen.valid.amax(1, keepdim=True), seen.landmark_valid.amax(1, keepdim=True)]
        parts = []
        for number, step in enumerate(steps):
            step = step * there[number]  # a branch that sees nothing says nothing
            if name in self.lengths:
                step = step * self._factor(self.lengths[name][number], name, step, seen, shapes, pose)
            parts.append(step)
        if len(parts) == 1:
            return parts[0]
        both = parts[0] + parts[1]
        if self.config.updates.merge == "mean":
            return both / (there[0] + there[1]).clamp(min=1)
        return both

    def _factor(
        self, length: StepLength, name: str, step: Tensor, seen: Observations, shapes: Shapes, pose: Tensor
    ) -> Tensor:
        assert shapes.path is not None, "a line search looks at shapes"
        # All places at once: one by one they would be most of an exported graph.
        count = len(length.places)
        parts = step[:, None] * step.new_tensor(length.places)[:, None]
        poses = _added(_repeated(pose, count), name, parts.flatten(0, 1))
        model = projected(_repeated(shapes.path, count), poses).unflatten(0, (-1, count))
        errors = path_error(seen.path_points[:, None], model, seen.path_valid[:, None])
        return length(errors, seen.path_valid.sum(1))

    def _shift(self, seen: Observations, placed: Shapes) -> Tensor:
        """(B, 2) to the mean of what is seen of vertices and landmarks."""
        if not self.config.updates.fusion:
            return shift(seen.points, placed.chosen, seen.valid)
        observed = torch.cat([seen.points[..., :2], seen.landmarks], 1)
        model = torch.cat([placed.chosen[..., :2], placed.landmarks[..., :2]], 1)
        return shift(observed, model, torch.cat([seen.valid, seen.landmark_valid], 1))


def _repeated(values: Tensor, count: int) -> Tensor:
    """(B count, ...) each row so many times in turn."""
    return values[:, None].expand(-1, count, *[-1] * (values.dim() - 1)).flatten(0, 1)


def _added(pose: Tensor, name: str, step: Tensor) -> Tensor:
    """The pose with a group's increment; its scale stays above :data:`LEAST_SCALE`."""
    first, last = GROUP_PLACES[name]
    moved = torch.cat([pose[:, :first], pose[:, first:last] + step, pose[:, last:]], dim=1)
    if name != "s":
        return moved
    return torch.cat([moved[:, :3], moved[:, 3:4].clamp(min=LEAST_SCALE), moved[:, 4:]], dim=1)
