"""The whole flow: photo -> faces found -> crops -> network -> dense aligned faces."""

from __future__ import annotations

import copy
import math
import os
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Self, TypeAlias, cast

from numpy.typing import ArrayLike, NDArray

from lineament.ahead import ahead
from lineament.belief import is_beyond, limit_at, uncertainty_mm
from lineament.bundle import Bundle, DetectorSpec
from lineament.decoded import DecodedPhoto, decoded, groups_of
from lineament.detect import Detector, DetectorOptions, OnnxDetector
from lineament.errors import ConfigError, LineamentError
from lineament.expression_keys import KeyScale, KeyTable
from lineament.given_boxes import given_detections
from lineament.image import ImageSource, Picture, read_image, read_picture
from lineament.methods import Method, Predictor
from lineament.methods.closeup_networks import CloseUpNetworks
from lineament.methods.pretrained import Recipe, opened_parts
from lineament.neutral import neutral_expression
from lineament.refining import FaceRefiner, open_refiner
from lineament.result import LANDMARKS, AlignedPhoto, Detection, FaceResult, MorphableResult

Array: TypeAlias = NDArray[Any]

MAX_PASSES = 20
PHOTOS_AT_ONCE = 8  # of many, whose faces go through the network together
PIXELS_AT_ONCE = 50_000_000  # of these photos together: they are all in memory
ON_ITS_HEAD = -0.5
"""Cosine of the roll beyond which, 120 degrees, a face is predicted upright too."""

QUARTERS = (math.pi / 2, math.pi, -math.pi / 2)
"""Turns at which a doubtful face in a given box is predicted again; boxes are taken as upright at first.

Of the 400 faces of ``aflw2000_dev`` turned by 180 degrees, "default" has errors above 15 % on 400 without and
8 with them, by 90 on 95 and 2; upright it predicts 27 again and the mean error stays (3.197 and 3.199 %)."""

HALVES = (None, math.pi)
"""The same for what a detector found: upright (None), and the other way round."""


class FaceAligner:
    """Finds the faces of a photo and aligns a dense 3D face to each.

    One aligner may serve several threads; it remembers nothing of a photo.

    Attributes:
        method: from crops of the photo to faces.
        detector: finds faces; None when boxes are always given.
        passes: passes of the network over a face, at most. From the second pass on the crop box is cut
            around the face as aligned before, which makes the result independent of the detector's habits. A
            face that was well framed at once is not looked at again.
        max_uncertainty_mm: what its detector found and whose `uncertainty_mm` is greater is no face, unless
            another prediction (:meth:`align_found`) says so; a little less where the detector's score is low
            (:mod:`lineament.belief`). Weights state their own limit.
        first_look: a quicker method that takes the first of several passes over what the detector found; None
            leaves it to `method`. Weights name their own. Boxes that are given go to `method` at once.
        close_ups: of eyes and mouth, lent by other weights, that correct the faces of a method without such;
            None leaves faces as the method has them. Weights name their own.
        landmarks: scheme of the results' `landmarks_image`; None leaves those that the method finds.
        key_scales: what weights of expressions are at rest and fully raised, by name; see
            :attr:`MorphableResult.blendshapes`. Weights state their own.

    An aligner made by :meth:`from_pretrained` pickles and copies as its recipe: the name or path of its
    weights, their checksum and the options; networks are opened where it arrives.
    """

    _made_from: Mapping[str, tuple[Any, Recipe]] = MappingProxyType({})
    _refiner: FaceRefiner | None = None

    def __init__(
        self,
        method: Method,
        *,
        detector: Detector | None = None,
        passes: int = 2,
        max_uncertainty_mm: float = math.inf,
        key_scales: Mapping[str, KeyScale] | None = None,
        first_look: Method | None = None,
        close_ups: CloseUpNetworks | None = None,
        landmarks: str | None = LANDMARKS,
    ) -> None:
        """Join a method and a detector; most people call :meth:`from_pretrained`.

        Raises:
            ConfigError: `passes` is not 1 to 20, or `max_uncertainty_mm` is not above 0.
        """
        if isinstance(method, str | os.PathLike):
            raise ConfigError(
                f"FaceAligner joins a method and a detector. For the weights {str(method)!r} call "
                f"FaceAligner.from_pretrained({str(method)!r})."
            )
        if not 1 <= passes <= MAX_PASSES:
            raise ConfigError(
                f"passes must be at least 1 and at most {MAX_PASSES}, found {passes}. One is quick, two "
                f"are better."
            )
        if not max_uncertainty_mm > 0:
            raise ConfigError(f"max_uncertainty_mm must be above 0, found {max_uncertainty_mm}. Try 6.")
        self.method = method
        self.detector = detector
        self.passes = passes
        self.max_uncertainty_mm = max_uncertainty_mm
        self.key_scales = KeyTable(key_scales or {})
        self.first_look = first_look
        self.close_ups = close_ups
        self.landmarks = landmarks

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | os.PathLike[str] = "default",
        *,
        detector: Detector | None = None,
        threads: int | None = None,
        passes: int = 2,
        device: str = "cpu",
        min_face: float | None = None,
        min_score: float | None = None,
        max_uncertainty_mm: float | None = None,
        landmarks: str | None = LANDMARKS,
    ) -> Self:
        """The aligner of a set of weights; nothing is downloaded.

        Detector, threads and the limit of uncertainty are those that the weights state, by name or by path.

        Args:
            name_or_path: "default"; "fast", a smaller network behind a detector of fewer pixels;
                "open", one trained on public-domain photographs and rendered faces alone, as is the detector
                before it: less exact, and for anyone;
                another name of `lineament info`, or the path of a .lineament or .onnx file.
            detector: replaces the detector that the weights name.
            threads: CPU threads a network may use; None takes what the weights say, or else all cores.
            passes: passes of the network over a face, at most.
            device: "cpu"; "cuda", with the package onnxruntime-gpu; "auto", CUDA if it is there. Results
                differ by rounding alone.
            min_face: longer side of the smallest faces to find, px of the photo; None chooses by its size.
            min_score: faces that the detector scores lower are not reported, 0 to 1; None takes the weights'
                limit.
            max_uncertainty_mm: faces that are less certain are not reported; None takes the weights' limit.
            landmarks: scheme of the results' `landmarks_image`: "ibug-68", where people set points;
                "300w-lp", as 300W-LP and AFLW2000-3D label them; "lfm-68", as they lie on the mesh; None
                leaves those that the method finds. With a face model of one's own that lacks the first they
                are the method's too.

        Raises:
            WeightsError: unknown name, missing or damaged file, or a network of no known method.
            ConfigError: `threads` or `passes` is below one, another option is out of its range, or this ONNX
                Runtime does not have the device.
        """
        bundle = Bundle.open(name_or_path)
        manifest = bundle.manifest
        parts = opened_parts(bundle, threads, device)
        if detector is None and manifest.detector is not None:
            changes = {"min_face": min_face, "min_score": min_score}
            detector = _detector_of(
                manifest.detector, changes, manifest.threads if threads is None else threads, device
            )
        limit_mm = max_uncertainty_mm
        if limit_mm is None:
            limit_mm = math.inf if manifest.max_uncertainty_mm is None else manifest.max_uncertainty_mm
        aligner = cls(
            **{name: part for name, (part, _) in parts.items()},
            detector=detector,
            passes=passes,
            max_uncertainty_mm=limit_mm,
            key_scales=manifest.expression_keys,
            landmarks=landmarks,
        )
        aligner._made_from = parts
        return aligner

    def __repr__(self) -> str:
        """Method, detector, passes."""
        return f"FaceAligner({self.method!r}, detector={self.detector!r}, passes={self.passes})"

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs: recipes in place of networks.

        Raises:
            ConfigError: a method or detector of the caller's own cannot be pickled.
        """
        state = self._with_recipe()
        for part in ("method", "first_look", "close_ups", "detector"):
            try:
                pickle.dumps(state[part])
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                raise ConfigError(
                    f"The {part} of this aligner, {type(state[part]).__name__}, cannot be pickled "
                    f"({error}). Make the aligner where it is used, or give the class a __reduce__."
                ) from error
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the networks here.

        Raises:
            WeightsError: the weights are not installed here, or differ.
        """
        recipes = {name: value for name, value in state.items() if isinstance(value, Recipe)}
        self._made_from = {name: (recipe.open(), recipe) for name, recipe in recipes.items()}
        self.__dict__.update(state | {name: part for name, (part, _) in self._made_from.items()})

    def __copy__(self) -> Self:
        """Another aligner with the same networks."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Another aligner with networks of its own."""
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        twin.__setstate__(copy.deepcopy(self._with_recipe(), memo))
        return twin

    def _with_recipe(self) -> dict[str, Any]:
        """The attributes, with recipes in place of the methods that were made from them."""
        state = dict(self.__dict__)
        state.pop("_refiner", None)
        for name, (part, recipe) in state.pop("_made_from", {}).items():
            if state[name] is part:
                state[name] = recipe
        return state

    def __call__(self, image: ImageSource, boxes: ArrayLike | None = None) -> list[FaceResult]:
        """The faces of one photo, best first; an empty list when there are none.

        Args:
            image: path, bytes, file object, PIL image or (H, W, 3) uint8 RGB array.
            boxes: (n, 4) left, top, right, bottom px of faces known already, which skips detection; the
                results come in the order of the boxes.

        Raises:
            ImageError: the photo cannot be read.
            BoxError: a box is not finite, has no area, or lies outside of the photo; names its row.
            ConfigError: no boxes are given and this aligner has no detector.
        """
        photo = read_picture(image)
        if boxes is not None:
            return self.align_given(photo, given_detections(boxes, photo))
        return self.align_found(photo, self._detect(photo))

    def align(
        self, photo: Picture, detections: Sequence[Detection], *, passes: int | None = None
    ) -> list[FaceResult]:
        """The faces at places that are known, in their order.

        Args:
            photo: (H, W, 3) uint8 RGB, or Pillow's picture of it.
            detections: where faces are.
            passes: passes over a face, at most; None as often as the aligner's own.
        """
        return self._align_each([photo] * len(detections), detections, passes)

    def _align_each(
        self,
        photos: Sequence[Picture],
        detections: Sequence[Detection],
        passes: int | None = None,
        first_look: Method | None = None,
    ) -> list[FaceResult]:
        """The same for places on several photos, the photo of each given."""
        if not detections:
            return []
        rule = self.method.crop_rule
        crop_boxes = [rule.around_box(found.box_xyxy, roll=found.roll) for found in detections]
        passes = self.passes if passes is None else passes
        predictor = Predictor(self.method, first_look=first_look, close_ups=self.close_ups)
        faces = predictor.predict_each(photos, crop_boxes, detections=detections, passes=passes)
        return [self._reported(face) for face in faces]

    def neutral(self, faces: Sequence[FaceResult]) -> Array:
        """A person's own rest, from faces of that person; give it to :meth:`MorphableResult.relative_to`.

        A single face is taken as it is. Of many, such as all of a film, the quietest are
        (:func:`lineament.neutral.neutral_expression`).

        Args:
            faces: results of these weights for one person.

        Returns:
            (E,) float32, in the order of the face model's expressions.

        Raises:
            ConfigError: there is no face, or they have no expression or different ones.
        """
        return neutral_expression(faces)

    def refine(self, photo: ImageSource, face: FaceResult, *, steps: int = 30) -> MorphableResult:
        """A face fitted once more to its photo by drawing it: with texture, albedo and the light on it.

        Shape, expression and pose stay near the method's; see :mod:`lineament.train.dff.refinement`. Takes a
        second or two on a CPU, and torch: ``pip install 'lineament[train,data]'``.

        Args:
            photo: the one that the face was aligned on, in any form that a photo may have.
            face: any method's result that has coefficients of the built-in face model.
            steps: of the fit.

        Returns:
            A :class:`lineament.methods.dff_face.DffResult` with all that is known of the face beside.

        Raises:
            ImageError: the photo cannot be read.
            BoxError: the face lies outside of the photo.
            ConfigError: torch is not installed, `steps` is not 1 to 1000, or the face cannot be refined.
        """
        if self._refiner is None:
            self._refiner = open_refiner()
        return self._refiner(read_picture(photo), face, steps=steps)

    def align_given(self, photo: Picture, detections: Sequence[Detection]) -> list[FaceResult]:
        """The faces at places that somebody names, one for each, in their order.

        Boxes do not tell how a face is turned. One whose uncertainty is above half of the limit is predicted
        again, turned by a quarter, a half and three quarters, and the most certain of these predictions is
        kept if it is twice as certain as the first. Certain faces cost nothing more, and no face is dropped.
        Where the method gives NaN or infinity for a face, however turned, its result has no values
        (:attr:`FaceResult.is_finite`); the others are not affected.

        Args:
            photo: (H, W, 3) uint8 RGB, or Pillow's picture of it.
            detections: where faces are.
        """
        faces = self.align(photo, detections)
        limit_mm = self.max_uncertainty_mm / 2
        doubtful = [number for number, face in enumerate(faces) if is_beyond(face, limit_mm)]
        again = self._rotated(
            [photo] * len(doubtful), [faces[number].detection for number in doubtful], QUARTERS
        )
        for number, others in zip(doubtful, again, strict=True):
            first, best = faces[number], min(others, key=uncertainty_mm)
            if uncertainty_mm(best) < uncertainty_mm(first) / 2:
                faces[number] = replace(best, detection=first.detection)
        return faces

    def align_found(self, photo: Picture, detections: Sequence[Detection]) -> list[FaceResult]:
        """The faces of what a detector found, in its order, without what turns out to be none.

        What the method is not certain of is predicted again as if it stood upright, and turned by half: there
        detectors err most. A face that is found only then has to be twice as certain. So is what is said to
        stand on its head, for hardly anything does; the most certain prediction is taken. What is not finite
        is not believed.

        Args:
            photo: (H, W, 3) uint8 RGB, or Pillow's picture of it.
            detections: where faces may be.
        """
        return [face for face in self._found([photo] * len(detections), detections) if face is not None]

    def _found(self, photos: Sequence[Picture], detections: Sequence[Detection]) -> list[FaceResult | None]:
        """The same for several photos, the photo of each place given; None for what is no face."""
        faces: list[FaceResult | None] = []
        first_faces = self._first_faces(photos, detections)
        doubtful = [number for number, face in enumerate(first_faces) if self._is_doubtful(face)]
        again = self._rotated(
            [photos[number] for number in doubtful],
            [first_faces[number].detection for number in doubtful],
            HALVES,
        )
        faces.extend(first_faces)
        for number, others in zip(doubtful, again, strict=True):
            first = first_faces[number]
            best = min(first, *others, key=uncertainty_mm)
            limit_mm = self._limit_mm(first)
            is_none = uncertainty_mm(first) > limit_mm and uncertainty_mm(best) > limit_mm / 2
            faces[number] = None if is_none else best
        return [face if face is not None and face.is_finite else None for face in faces]

    def _first_faces(self, photos: Sequence[Picture], detections: Sequence[Detection]) -> list[FaceResult]:
        """Faces after a quick first look, the doubtful ones without it where that is more certain."""
        faces = self._align_each(photos, detections, first_look=self.first_look)
        if self.first_look is not None:
            doubtful = [number for number, face in enumerate(faces) if self._is_doubtful(face)]
            again = self._align_each([photos[n] for n in doubtful], [detections[n] for n in doubtful])
            for number, face in zip(doubtful, again, strict=True):
                faces[number] = min(faces[number], face, key=uncertainty_mm)
        return faces

    def _rotated(
        self, photos: Sequence[Picture], detections: Sequence[Detection], turns: Sequence[float | None]
    ) -> list[list[FaceResult]]:
        """For each detection its faces as predicted at other rolls; see :data:`QUARTERS`."""
        rotated = [
            replace(found, roll=0.0 if turn is None else found.roll + turn)
            for found in detections
            for turn in turns
        ]
        faces = self._align_each([photo for photo in photos for _ in turns], rotated)
        return [faces[first : first + len(turns)] for first in range(0, len(faces), len(turns))]

    def align_many(
        self, images: Iterable[ImageSource], *, batch: int = PHOTOS_AT_ONCE
    ) -> Iterator[AlignedPhoto]:
        """One :class:`AlignedPhoto` a photo, in order; a bad photo does not stop the rest.

        Photos are decoded ahead, and the faces of several go through the network together, which on a CPU
        gives the same to the bit. A GPU wants larger batches, such as 32.

        Args:
            images: what a photo may be, each; one path stands for its photo, or for those of its folder. A
                thread goes through them, some photos ahead.
            batch: photos that are aligned together, at most; 1 gives each as soon as it is there.

        Raises:
            ConfigError: a single picture that is no path was given where several are wanted, or `batch` is
                below one.
        """
        if batch < 1:
            raise ConfigError(f"batch must be at least 1, found {batch}.")
        with closing(ahead(decoded(images), count=max(2, batch // 2))) as photos:
            for group in groups_of(photos, batch, pixels=PIXELS_AT_ONCE):
                yield from self._align_group(group)

    def _align_group(self, group: Sequence[DecodedPhoto]) -> Iterator[AlignedPhoto]:
        """The photos of a group, aligned together; one after the other where that fails."""
        found: list[list[Detection]] = []
        errors: list[LineamentError | None] = []
        for photo in group:
            error, detections = photo.error, []
            if photo.picture is not None:
                try:
                    detections = self._detect(photo.picture)
                except LineamentError as problem:
                    error = problem
            found.append(detections)
            errors.append(error)
        photos = [photo.picture for photo, places in zip(group, found) for _ in places]
        try:
            faces = self._found(cast(list[Picture], photos), [place for places in found for place in places])
        except LineamentError:  # of one of them, which is to be named
            yield from (self._align_alone(photo, error) for photo, error in zip(group, errors))
            return
        start = 0
        for photo, places, error in zip(group, found, errors, strict=True):
            mine = [face for face in faces[start : start + len(places)] if face is not None]
            start += len(places)
            yield AlignedPhoto(source=photo.source, faces=mine, error=error)

    def _align_alone(self, photo: DecodedPhoto, error: LineamentError | None) -> AlignedPhoto:
        if error is not None or photo.picture is None:
            return AlignedPhoto(source=photo.source, faces=[], error=error)
        try:
            return AlignedPhoto(source=photo.source, faces=self(photo.picture))
        except LineamentError as problem:
            return AlignedPhoto(source=photo.source, faces=[], error=problem)

    def _reported(self, face: FaceResult) -> FaceResult:
        """The face with the landmarks that are wanted, which knows what its weights mean."""
        wanted = self.landmarks
        if wanted is not None and (wanted in face.mesh.schemes or wanted != LANDMARKS):
            face = face.with_landmarks(wanted)
        if self.key_scales and isinstance(face, MorphableResult):
            return replace(face, key_scales=self.key_scales)
        return face

    def _is_doubtful(self, face: FaceResult) -> bool:
        """Whether a face that was found is to be predicted again."""
        if face.uncertainty_mm is None:
            return False
        return is_beyond(face, self._limit_mm(face)) or math.cos(face.detection.roll) < ON_ITS_HEAD

    def _limit_mm(self, face: FaceResult) -> float:
        return limit_at(face.detection.score, self.max_uncertainty_mm)

    def _detect(self, photo: Picture) -> list[Detection]:
        if self.detector is None:
            raise ConfigError("This aligner has no detector. Give boxes, or a detector when making it.")
        if isinstance(self.detector, OnnxDetector):
            return self.detector.detect(photo)
        return self.detector.detect(read_image(photo))  # others take arrays


def _detector_of(
    spec: DetectorSpec, changes: Mapping[str, float | None], threads: int | None, device: str
) -> OnnxDetector:
    """The detector that weights name, with options that were changed (None leaves them)."""
    options = DetectorOptions.from_table(spec.options).changed(**changes)
    return OnnxDetector(spec.weights, threads=threads, options=options, device=device)
