"""The people of a film: what is gathered of them frame by frame, and what is made of it at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lineament.cli.lines import say
from lineament.paths import with_ending

if TYPE_CHECKING:
    from lineament.cli.film_job import FilmOptions
    from lineament.export import FaceTexturer, HeadMotion, MeanTexture
    from lineament.result import FaceResult, MorphableResult
    from lineament.video import FaceSmoother, Frame, TrackedFace

TEXTURE_SIZE = 512  # texels along a side; a face in a film is seldom larger
TEXTURE_EVERY_S = 0.2  # taking colours from every frame would cost more than aligning it


@dataclass(slots=True)
class Person:
    """What is kept of one person: no frame and no mesh."""

    smoother: FaceSmoother
    motion: HeadMotion
    texture: MeanTexture | None = None
    next_texture_s: float = -float("inf")
    frames: int = 0  # that show them
    no_head: str | None = None  # why there is no animated head of them
    face: MorphableResult | None = None  # the first one
    expressions: dict[int, NDArray[np.float32]] = field(default_factory=dict)  # by frame, for their rest

    def rest(self, neutral: int | str | None) -> NDArray[np.float32] | None:
        """(E,) weights of this person at rest; None for everybody's."""
        from lineament.neutral import quietest

        if neutral is None or self.face is None:
            return None
        if isinstance(neutral, int) and neutral in self.expressions:
            return self.expressions[neutral]
        weights = np.stack([*self.expressions.values()])
        return quietest(self.face.model.expression_names, weights, self.face.key_scales)

    def animated(self, face: FaceResult | None) -> FaceResult | None:
        """The face if a head can be animated by it; what forbids it is kept."""
        from lineament.cli.results import why_impossible

        reason = None if face is None else why_impossible("glb", face)
        if reason is None:
            return face
        self.no_head = reason
        return None


class People:
    """Everybody seen in a film so far.

    Attributes:
        by_number: as the tracker numbers them, in the order in which they appear.
    """

    def __init__(self, options: FilmOptions) -> None:
        self.by_number: dict[int, Person] = {}
        self._options = options
        self._texturers: dict[str, FaceTexturer] = {}  # by mesh, made when first needed

    def take(
        self, frame: Frame, found: Sequence[TrackedFace], *, time_s: float, size_hw: tuple[int, int]
    ) -> dict[int, FaceResult]:
        """The faces of the next frame as they are reported, by person; what is gathered grows by the frame.

        Args:
            frame: that shows them.
            found: the faces on it.
            time_s: of the frame, since the first one.
            size_hw: of its picture, px.
        """
        faces = {tracked.person: self._kept(frame, tracked, time_s) for tracked in found}
        if "glb" in self._options.formats:
            for number, person in self.by_number.items():
                person.motion.add(time_s, person.animated(faces.get(number)), size_hw=size_hw)
        return faces

    def smooth_anew(self) -> None:
        """Begin all smoothing anew: nothing between pixels of two sizes is a mean."""
        from lineament.video import FaceSmoother

        for person in self.by_number.values():
            person.smoother = FaceSmoother()

    def rests(self) -> dict[int, NDArray[np.float32]]:
        """Each person's own rest, by their number, where it is asked for and known."""
        rests = {}
        for number, person in sorted(self.by_number.items()):
            rest = person.rest(self._options.neutral)
            if rest is None:
                continue
            rests[number] = rest
            frame = self._options.neutral
            if isinstance(frame, int) and frame not in person.expressions:
                say(f"person {number} is not in frame {frame}: at rest in their quietest frames")
        return rests

    def rewrite_rows(self, path: Path, rests: Mapping[int, NDArray[np.float32]]) -> None:
        """Give a table everybody's rest: its rows are written while the film goes on, before it is known."""
        from lineament.export import rewrite_weights

        def weights_of(row: Mapping[str, Any]) -> Mapping[str, float] | None:
            person, rest = self.by_number[row["person"]], rests.get(row["person"])
            if rest is None or person.face is None:
                return None
            expression = np.array(row["expression"], np.float32)
            face = replace(person.face, expression=expression, neutral=rest)
            return face.named_weights(self._options.targets)

        rewrite_weights(path, weights_of)

    def write_heads(
        self, target: Path, rests: Mapping[int, NDArray[np.float32]], *, size_hw: tuple[int, int]
    ) -> None:
        """Write an animated head of each person, TARGET_person1.glb, ...; say of whom there is none."""
        from lineament.export import export_motion

        for number, person in self.by_number.items():
            if person.no_head is not None:
                say(f"person {number}: no glb, {person.no_head}", error=True)
            if person.motion.model is None:
                continue
            texture = None if person.texture is None else person.texture.texture()
            person.motion.set_neutral(rests.get(number))
            export_motion(
                person.motion,
                with_ending(target, f"_person{number}.glb"),
                size_hw=size_hw,
                texture_rgb=None if texture is None else texture.colors_rgb,
                targets=self._options.targets,
            )

    def _kept(self, frame: Frame, tracked: TrackedFace, time_s: float) -> FaceResult:
        """A face as it is reported; what is gathered of its person grows."""
        from lineament.export import HeadMotion
        from lineament.result import MorphableResult
        from lineament.video import FaceSmoother

        person = self.by_number.get(tracked.person)
        if person is None:
            person = self.by_number[tracked.person] = Person(FaceSmoother(), HeadMotion())
            if time_s > 0:
                person.motion.add(0.0, None)  # away from the film's first frame on
        person.frames += 1
        face = tracked.face
        is_due = self._options.texture and frame.time_s >= person.next_texture_s
        if "glb" in self._options.formats and is_due and face.mesh.uv is not None:
            person.next_texture_s = frame.time_s + TEXTURE_EVERY_S
            self._add_colors(person, frame, face)
        kept = person.smoother.step(frame.time_s, face) if self._options.smooth else face
        if self._options.neutral is not None and isinstance(kept, MorphableResult) and kept.is_finite:
            person.face = person.face or kept
            person.expressions[frame.number] = np.asarray(kept.expression, np.float32)
        return kept

    def _add_colors(self, person: Person, frame: Frame, face: FaceResult) -> None:
        """What the frame shows of a person's colours, where its own alignment has the face."""
        from lineament.export import FaceTexturer, MeanTexture

        if person.texture is None:
            name = face.mesh.name
            self._texturers[name] = self._texturers.get(name) or FaceTexturer(face.mesh, size=TEXTURE_SIZE)
            person.texture = MeanTexture(self._texturers[name])
        person.texture.add(frame.picture, face)
