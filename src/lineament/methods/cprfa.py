"""CPRFA (Wu, Ha, Xu, Kakadiaris 2018): vertices found in the picture, and the face that puts them there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lineament.bundle import Bundle
from lineament.crop import CropBox, CropRule
from lineament.errors import ConfigError, WeightsError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.methods.cprfa_face import CprfaEstimate
from lineament.methods.cprfa_landmarks import GivenLandmarks, LandmarkDetector, LandmarkRow, MethodLandmarks
from lineament.methods.cprfa_points import (
    FaceCodes,
    Observed,
    depths_at,
    drawn,
    random_order,
    retrieve,
    seen_share,
)
from lineament.methods.cprfa_pose import POSE, START, UnitFrame, unit_from_crop
from lineament.methods.cprfa_solvers import PointSolver, Solved
from lineament.methods.cprfa_switches import CprfaSwitches, CprfaTables, switches_of_arrays
from lineament.methods.method import Crops, crop_rule_and_model, finite_outputs
from lineament.methods.regressor import MorphableRegressor
from lineament.models import load_model
from lineament.network import OnnxNetwork

Array: TypeAlias = NDArray[Any]
Inputs: TypeAlias = dict[str, NDArray[np.float32]]

CONSTANTS = "constants"
MIN_DETECTED = 12
"""Vertices; of fewer no face is made."""


class Cprfa:
    """Crop -> codes and mask -> vertices -> face.

    The graph ``maps`` takes ``crop`` (n, S, S, 3) uint8 RGB and gives ``code`` (n, 3, S, S) and ``face_mask``
    (n, S, S), and where it was trained to ``depth``. ``round_1`` takes ``points`` (n, C, 2 or 3), ``valid``
    (n, C) of the chosen vertices, with fusion ``landmarks`` and ``landmark_valid``, and ``pose`` (n, 6),
    ``alpha`` (n, K + E) and ``memory`` (n, M) as the stage before has left them, which it gives anew as
    ``moved_pose``, ``moved_alpha`` and ``next_memory``; ``round_2`` takes, in place of alpha, the shapes that
    it makes, and what its line search looks at. Weights without rounds have the other solvers.
    """

    def __init__(
        self,
        networks: Mapping[str, OnnxNetwork],
        model: MorphableModel,
        tables: CprfaTables,
        switches: CprfaSwitches,
        *,
        crop_rule: CropRule,
        detector: LandmarkDetector | None = None,
    ) -> None:
        """Join networks and tables.

        Args:
            networks: "maps", and "round_1" and "round_2" where they are trained.
            model: the face model.
            tables: constants.
            switches: what is done with them.
            crop_rule: how crops are cut.
            detector: of landmarks; None does without.

        Raises:
            ConfigError: the solver's graphs are not there.
        """
        if switches.solver == "cpr" and "round_1" not in networks:
            raise ConfigError(
                "These weights have no update networks: set solver to least_squares or pnp, or train the "
                "rounds (docs/training.md)."
            )
        self.crop_rule, self.switches, self.detector = crop_rule, switches, detector
        self.model, self.codes = model, FaceCodes.of(model.mesh)
        self._networks, self._tables = networks, tables
        self._frame = UnitFrame.of(model.mesh, crop_rule.margin)
        self._order = random_order(len(self.codes))
        self._solver = PointSolver(
            model,
            self.codes,
            identity=tables.identity,
            expression=tables.expression,
            expression_std=tables.expression_std,
        )
        self._landmark_points = model.landmark_points("300w-lp")

    def __repr__(self) -> str:
        """Solver, model, crop rule."""
        return f"Cprfa({self.switches.solver}, {self.model!r}, {self.crop_rule})"

    @classmethod
    def from_bundle(cls, bundle: Bundle, *, threads: int | None = None, device: str = "cpu") -> Self:
        """See :class:`lineament.methods.method.Method`."""
        rule, model_name = crop_rule_and_model(bundle, of="CPRFA")
        arrays = bundle.arrays(CONSTANTS)
        try:
            tables, switches = CprfaTables.of_arrays(arrays), switches_of_arrays(arrays)
        except (KeyError, IndexError) as error:
            raise WeightsError(
                f"{bundle.path.name} lacks a constant of CPRFA ({error}): export it again."
            ) from error
        model = load_model(model_name)
        if len(FaceCodes.of(model.mesh)) <= tables.chosen.max():
            raise WeightsError(
                f"{bundle.path.name} was made for another face model than {model!r}: use the version of "
                f"lineament that it was exported by."
            )
        names = [name for name in ("maps", "round_1", "round_2") if name in bundle.manifest.graphs]
        networks = {name: bundle.network(name, threads=threads, device=device) for name in names}
        detector: LandmarkDetector | None = None
        if tables.landmark_weights:
            other = Bundle.open(tables.landmark_weights)
            method = MorphableRegressor.from_bundle(other, threads=threads, device=device)
            detector = MethodLandmarks(method, rule.margin)
        return cls(networks, model, tables, switches, crop_rule=rule, detector=detector)

    @property
    def other_weights(self) -> tuple[str, ...]:
        """Names of other weights that take part: those of the external detector."""
        return (self._tables.landmark_weights,) if isinstance(self.detector, MethodLandmarks) else ()

    def changed(self, **changes: Any) -> Cprfa:  # noqa: ANN401 - see CprfaSwitches
        """The same networks with other switches, such as ``solver="cpr"``; see :class:`CprfaSwitches`.

        Raises:
            ConfigError: no such switch, or the graphs that it needs are not there.
        """
        try:
            switches = replace(self.switches, **changes)
        except TypeError as error:
            raise ConfigError(
                f"{error}. Switches: {', '.join(self.switches.__dataclass_fields__)}."
            ) from error
        return self._like(switches, self.detector)

    def with_landmarks(self, landmarks_image: ArrayLike) -> Cprfa:
        """The same method, with landmarks of the user's own in place of a detector's.

        Args:
            landmarks_image: (m, 68, 2) px of the photo, a face each; every crop gets the nearest.
        """
        return self._like(replace(self.switches, fusion=True), GivenLandmarks(landmarks_image))

    def _like(self, switches: CprfaSwitches, detector: LandmarkDetector | None) -> Cprfa:
        return Cprfa(
            self._networks, self.model, self._tables, switches, crop_rule=self.crop_rule, detector=detector
        )

    def rows(self) -> dict[str, Cprfa | LandmarkRow]:
        """What the method is compared with, of the same weights: detector, simple fits, its own parts."""
        alone = {"fusion": False}
        rows: dict[str, Cprfa | LandmarkRow] = {}
        if isinstance(self.detector, MethodLandmarks):
            rows["detector"] = LandmarkRow(self.detector, self.crop_rule)
            rows["pnp of landmarks"] = self.changed(solver="pnp", fusion=True, vertices=False)
        rows["pnp"] = self.changed(solver="pnp", **alone)
        rows["least squares"] = self.changed(solver="least_squares", **alone)
        if self.detector is not None:
            rows["least squares, fused"] = self.changed(solver="least_squares", fusion=True)
        if "round_1" in self._networks:
            rows["cpr, one round"] = self.changed(solver="cpr", rounds=1, **alone)
            if self.detector is not None:
                rows["cpr-h"] = self.changed(solver="cpr", rounds=1, fusion=True)
        if "round_2" in self._networks:
            fused = {"fusion": self.detector is not None}
            rows["two rounds without capu"] = self.changed(solver="cpr", rounds=2, capu=False, **fused)
            rows["cprfa"] = self.changed(solver="cpr", rounds=2, **fused)
        return rows

    def estimate(self, crops: Crops, crop_boxes: Sequence[CropBox]) -> list[CprfaEstimate]:
        """See :class:`lineament.methods.method.Method`."""
        maps = self.maps(crops)
        seen = [self.observed(maps, row) for row in range(len(crops))]
        landmarks = self.landmarks(crops, crop_boxes)
        solved = self.solve(seen, maps.get("depth"), landmarks)
        return [
            self._estimate(maps, row, each, face, box)
            for row, (each, face, box) in enumerate(zip(seen, solved, crop_boxes, strict=True))
        ]

    def maps(self, crops: Crops) -> dict[str, Array]:
        """Codes, masks and perhaps depths of (n, S, S, 3) crops, checked."""
        size, network = self.crop_rule.size, self._networks["maps"]
        shapes: dict[str, tuple[int | None, ...]] = {"code": (3, size, size), "face_mask": (size, size)}
        if "depth" in network.output_names:
            shapes["depth"] = (size, size)
        return finite_outputs(network, shapes, crop=crops)

    def observed(self, maps: Mapping[str, Array], row: int) -> Observed:
        """The vertices that a crop shows."""
        mask = np.nan_to_num(maps["face_mask"][row])
        return retrieve(maps["code"][row], mask, self.codes, self.switches.retrieval)

    def landmarks(self, crops: Crops, crop_boxes: Sequence[CropBox]) -> Array | None:
        """(n, 68, 2) px of the crops by the external detector; None where it is not asked."""
        if self.detector is None or not self.switches.fusion:
            return None
        return self.detector.landmarks(crops, crop_boxes)

    def solve(
        self, seen: Sequence[Observed], depth: Array | None, landmarks: Array | None
    ) -> list[Solved | None]:
        """A face of each crop; None where too little is seen.

        Args:
            seen: vertices.
            depth: (n, S, S) of the maps, where they have it.
            landmarks: (n, 68, 2) px of the crops, or None.
        """
        enough = [self._enough(each, landmarks, row) for row, each in enumerate(seen)]
        if self.switches.solver != "cpr":
            return [
                self._fitted(each, landmarks, row) if enough[row] else None for row, each in enumerate(seen)
            ]
        poses, alphas = self.updated(seen, depth, landmarks)
        found: list[Solved | None] = []
        for row, (pose, alpha) in enumerate(zip(poses, alphas, strict=True)):
            identity, expression = np.split(
                (alpha * self._tables.weights).astype(np.float32), [self._tables.identity]
            )
            camera = self._frame.camera(pose, self.crop_rule.size)
            found.append(Solved(camera, identity, expression) if enough[row] else None)
        return found

    def _enough(self, seen: Observed, landmarks: Array | None, row: int) -> bool:
        """Whether vertices or landmarks say enough of a face."""
        given = 0 if landmarks is None else int(np.isfinite(landmarks[row]).all(axis=1).sum())
        return (self.switches.vertices and int(seen.detected.sum()) >= MIN_DETECTED) or given >= MIN_DETECTED

    def _fitted(self, seen: Observed, landmarks: Array | None, row: int) -> Solved | None:
        return self._solver.fit(
            seen if self.switches.vertices else None,
            self._frame.units_per_mm * self.crop_rule.size,
            landmarks=None if landmarks is None else landmarks[row],
            rigid=self.switches.solver == "pnp",
        )

    def updated(
        self, seen: Sequence[Observed], depth: Array | None, landmarks: Array | None
    ) -> tuple[Array, Array]:
        """(n, 6) poses and (n, K + E) whitened coefficients by the update networks."""
        inputs, count = self._inputs(seen, depth, landmarks), len(self._tables.weights)
        inputs["pose"] = np.tile(np.array(START, np.float32), (len(seen), 1))
        inputs["alpha"] = np.zeros((len(seen), count), np.float32)
        self._round("round_1", inputs, {"pose": len(POSE), "alpha": count})
        if self.switches.rounds == 2 and "round_2" in self._networks:
            inputs |= self._shapes(inputs["alpha"], seen)
            self._round("round_2", inputs, {"pose": len(POSE)})
        return inputs["pose"], inputs["alpha"]

    def _round(self, name: str, inputs: Inputs, moved: Mapping[str, int]) -> None:
        """All stages of a round: what each moves, and its memory, is what the next begins with."""
        network = self._networks[name]
        width = network.input_shapes["memory"][1]
        inputs["memory"] = np.zeros((len(inputs["pose"]), width or 0), np.float32)
        shapes = {f"moved_{each}": (length,) for each, length in moved.items()} | {"next_memory": (width,)}
        for _ in range(self.switches.stages):
            wanted = {each: inputs[each] for each in network.input_shapes}
            found = finite_outputs(network, shapes, **wanted)
            inputs |= {each: found[f"moved_{each}"] for each in moved} | {"memory": found["next_memory"]}

    def _inputs(self, seen: Sequence[Observed], depth: Array | None, landmarks: Array | None) -> Inputs:
        """What the first round reads, unit frame; zero where nothing is known."""
        size, chosen = self.crop_rule.size, self._tables.chosen
        places = np.stack([each.points_crop[chosen] for each in seen])
        if not self.switches.vertices:
            places = np.full_like(places, np.nan)
        given = np.full((len(seen), 68, 2), np.nan) if landmarks is None else landmarks
        points = unit_from_crop(places, size)
        if depth is not None:
            points = np.concatenate([points, depths_at(depth, places)[..., None]], axis=2)
        return {
            "points": np.nan_to_num(points).astype(np.float32),
            "valid": np.isfinite(places[..., 0]).astype(np.float32),
            "landmarks": np.nan_to_num(unit_from_crop(given, size)).astype(np.float32),
            "landmark_valid": np.isfinite(given).all(axis=2).astype(np.float32),
        }

    def _shapes(self, alpha: Array, seen: Sequence[Observed]) -> Inputs:
        """What the second round reads beside: shapes of the coefficients, and vertices along whose errors it
        looks.
        """  # noqa: D205
        tables, size = self._tables, self.crop_rule.size
        rows = len(seen)
        found = {
            "chosen_shape": np.zeros((rows, len(tables.chosen), 3), np.float32),
            "landmark_shape": np.zeros((rows, 68, 3), np.float32),
            "path_shape": np.zeros((rows, tables.most, 3), np.float32),
            "path_points": np.zeros((rows, tables.most, 2), np.float32),
            "path_valid": np.zeros((rows, tables.most), np.float32),
        }
        for row, each in enumerate(seen):
            identity, expression = np.split(alpha[row] * tables.weights, [tables.identity])
            skin = self.model.vertices_model(identity, expression)[self.codes.vertex]
            shape = self._frame.units(skin)
            points = self._landmark_points.vertices_model(identity, expression)
            found["chosen_shape"][row] = shape[tables.chosen]
            found["landmark_shape"][row] = self._frame.units(points)
            if not (self.switches.capu and self.switches.vertices):
                continue  # a line search that sees nothing takes the step as it is
            places = drawn(
                each.detected, self._order, fraction=tables.kappa, least=tables.least, most=tables.most
            )
            found["path_shape"][row, : len(places)] = shape[places]
            found["path_points"][row, : len(places)] = unit_from_crop(each.points_crop[places], size)
            found["path_valid"][row, : len(places)] = 1
        return found

    def _estimate(
        self, maps: Mapping[str, Array], row: int, seen: Observed, solved: Solved | None, crop_box: CropBox
    ) -> CprfaEstimate:
        count, size = len(self.model.neutral_model), self.crop_rule.size
        detected, visible = np.full((count, 2), np.nan, np.float32), np.full(count, np.nan, np.float32)
        detected[self.codes.vertex] = crop_box.image_from_crop(seen.points_crop)
        visible[self.codes.vertex] = seen_share(seen.detected, self.codes)
        reliable = solved is not None
        if solved is None:
            camera = self._frame.camera(np.array(START), size)
            nothing = (
                np.zeros(self._tables.identity, np.float32),
                np.zeros(self._tables.expression, np.float32),
            )
            solved = Solved(camera, *nothing)
        camera = crop_box.camera_in_image(solved.camera)
        if not np.isfinite(maps["code"][row]).all():  # the network broke: nothing is to be believed
            camera = WeakPerspective(np.full((3, 3), np.nan), np.nan, np.full(3, np.nan))
        points = self._landmark_points.vertices_model(solved.identity, solved.expression)
        return CprfaEstimate(
            camera=camera,
            landmarks_image=camera.image_from_model(points),
            model=self.model,
            identity=solved.identity,
            expression=solved.expression,
            crop_code=np.ascontiguousarray(np.moveaxis(maps["code"][row], 0, -1)),
            crop_mask=maps["face_mask"][row],
            detected_image=detected,
            seen=visible,
            chosen_vertices=self.codes.vertex[self._tables.chosen],
            solver=self.switches.solver,
            reliable=reliable,
            retrieval=self.switches.retrieval,
        )
