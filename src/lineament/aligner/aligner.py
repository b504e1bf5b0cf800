"""The aligner: a detector and a method joined, on one photo or many."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any, Self, TypeAlias

from numpy.typing import ArrayLike, NDArray

from lineament.ahead import ahead
from lineament.aligner.given_boxes import checked_detections, given_detections
from lineament.aligner.photo_groups import DecodedPhoto, align_group, decoded, groups_of
from lineament.aligner.pretrained import PretrainedParts, Recipe, check_picklable, open_detector
from lineament.aligner.retries import Retries
from lineament.aligner.second_look import SecondLook
from lineament.aligner.wanted_landmarks import check_scheme, with_scheme
from lineament.belief import check_limit
from lineament.bundle import Bundle
from lineament.detect import CloserDetector, Detector, OnnxDetector
from lineament.errors import ConfigError
from lineament.expression_keys import KeyScale, KeyTable
from lineament.image import ImageSource, Picture, read_image, read_picture
from lineament.methods import Method, Predictor
from lineament.methods.closeup_networks import CloseUpNetworks
from lineament.neutral import neutral_expression
from lineament.ranges import check_count
from lineament.refining import FaceRefiner, open_refiner
from lineament.result import LANDMARKS, AlignedPhoto, Detection, FaceResult, MorphableResult

Array: TypeAlias = NDArray[Any]

MAX_PASSES = 20
PHOTOS_AT_ONCE = 8  # of many, whose faces go through the network together


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
            another look (:meth:`align_found`) says so; a little less where the detector's score is low
            (:mod:`lineament.belief`). Weights state their own limit.
        first_look: a quicker method that takes the first of several passes over what the detector found; None
            leaves it to `method`. Weights name their own. Boxes that are given go to `method` at once.
        close_ups: of eyes and mouth, lent by other weights, that correct the faces of a method without such,
            with their look at what is in front of a face; None leaves faces as the method has them. Weights
            name their own.
        landmarks: scheme of the results' `landmarks_image`; None leaves those that the method finds.
        key_scales: what weights of expressions are at rest and fully raised, by name; see
            :attr:`MorphableResult.blendshapes`. Weights state their own.

    An aligner made by :meth:`from_pretrained` pickles and copies as its recipe: the name or path of its
    weights, their checksum and the options; networks are opened where it arrives.
    """

    _pretrained: PretrainedParts = PretrainedParts()
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
            ConfigError: `passes` is not 1 to 20, `max_uncertainty_mm` is not above 0, `detector` detects
                nothing, or the method's face model has no such `landmarks`.
        """
        if isinstance(method, str | os.PathLike):
            raise ConfigError(
                f"FaceAligner joins a method and a detector. For the weights {str(method)!r} call "
                f"FaceAligner.from_pretrained({str(method)!r})."
            )
        if detector is not None and not isinstance(detector, Detector):
            raise ConfigError(
                f"A detector has a method `detect`, found {type(detector).__name__}. Leave it out for the "
                f"weights' own; photos that come with boxes need none."
            )
        check_count("passes", passes, "One is quick, two are better.", most=MAX_PASSES)
        check_limit(max_uncertainty_mm)
        check_scheme(landmarks, method)
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
                "open", one trained on photographs in the public domain or under CC BY and on rendered faces
                alone, as is the detector before it: less exact, and for anyone;
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
            ConfigError: `threads` or `passes` is below one, another option is out of its range, the face
                model has no such `landmarks`, or this ONNX Runtime does not have the device.
        """
        bundle = Bundle.open(name_or_path)
        manifest = bundle.manifest
        parts = PretrainedParts.of(bundle, threads=threads, device=device)
        if detector is None:
            detector = open_detector(
                manifest, threads=threads, device=device, min_face=min_face, min_score=min_score
            )
        limits_mm = (max_uncertainty_mm, manifest.max_uncertainty_mm, math.inf)
        aligner = cls(
            **parts.opened,
            detector=detector,
            passes=passes,
            max_uncertainty_mm=next(limit_mm for limit_mm in limits_mm if limit_mm is not None),
            key_scales=manifest.expression_keys,
            landmarks=landmarks,
        )
        aligner._pretrained = parts
        return aligner

    def __repr__(self) -> str:
        """Method, detector, passes."""
        return f"FaceAligner({self.method!r}, detector={self.detector!r}, passes={self.passes})"

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
        check_count("batch", batch, f"Leave it out for {PHOTOS_AT_ONCE}.")
        with closing(ahead(decoded(images), count=max(2, batch // 2))) as photos:
            for group in groups_of(photos, batch):
                yield from align_group(group, self._detect, self._retries().found)

    def align_together(self, photos: Sequence[Picture]) -> list[AlignedPhoto]:
        """One :class:`AlignedPhoto` a photo, all in one run of the network, as :meth:`align_many` does it.

        Args:
            photos: (H, W, 3) uint8 RGB each, or Pillow's picture of it.
        """
        group = [DecodedPhoto(photo, photo) for photo in photos]
        return list(align_group(group, self._detect, self._retries().found))

    def align_found(self, photo: Picture, detections: Sequence[Detection]) -> list[FaceResult]:
        """The faces of what a detector found, in its order, without what turns out to be none.

        What the method is not certain of is predicted again as if it stood upright, and turned by half: there
        detectors err most. A face that is found only then has to be twice as certain. So is what is said to
        stand on its head, for hardly anything does; the most certain prediction is taken. What is not finite
        is not believed.

        Faces that are doubtful still, by their uncertainty or by the detector's score, are looked at again by
        detector and method where they were aligned, and believed if both looks agree
        (:mod:`lineament.aligner.second_look`); so are those whose box is far from their landmarks. Such
        faces have the detector's new box. Detectors that cannot do that are believed at once.

        Args:
            photo: (H, W, 3) uint8 RGB, or Pillow's picture of it.
            detections: where faces may be.
        """
        faces = self._retries().found([photo] * len(detections), detections)
        return [face for face in faces if face is not None]

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
        return self._retries().given([photo] * len(detections), detections)

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

    def _detect(self, photo: Picture) -> list[Detection]:
        if self.detector is None:
            raise ConfigError("This aligner has no detector. Give boxes, or a detector when making it.")
        if isinstance(self.detector, OnnxDetector):
            return self.detector.detect(photo)
        found = self.detector.detect(read_image(photo))  # others take arrays
        return checked_detections(found, self.detector)

    def _retries(self) -> Retries:
        """How doubtful faces are predicted again, as this aligner is now."""
        first_look = None
        if self.first_look is not None:
            first_look = partial(self._align_each, first_look=self.first_look)
        second_look = None
        if isinstance(self.detector, CloserDetector):
            second_look = SecondLook(self.detector, self._align_each, self.max_uncertainty_mm)
        return Retries(self._align_each, first_look, self.max_uncertainty_mm, second_look)

    def _align_each(
        self,
        photos: Sequence[Picture],
        detections: Sequence[Detection],
        passes: int | None = None,
        first_look: Method | None = None,
    ) -> list[FaceResult]:
        """The faces at places on several photos, in their order.

        Args:
            photos: the photo of each place.
            detections: the places.
            passes: as in :meth:`align`.
            first_look: takes the first of several passes in the place of the method.
        """
        if not detections:
            return []
        rule = self.method.crop_rule
        crop_boxes = [rule.around_box(found.box_xyxy, roll=found.roll) for found in detections]
        passes = self.passes if passes is None else passes
        predictor = Predictor(self.method, first_look=first_look, close_ups=self.close_ups)
        faces = predictor.predict_each(photos, crop_boxes, detections=detections, passes=passes)
        return [self._reported(face) for face in faces]

    def _reported(self, face: FaceResult) -> FaceResult:
        """The face with the landmarks that are wanted, which knows what its weights mean."""
        face = with_scheme(face, self.landmarks)
        if self.key_scales and isinstance(face, MorphableResult):
            return replace(face, key_scales=self.key_scales)
        return face

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs: recipes in place of networks.

        Raises:
            ConfigError: a method or detector of the caller's own cannot be pickled.
        """
        state = self._with_recipes()
        check_picklable(state)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the networks here.

        Raises:
            WeightsError: the weights are not installed here, or differ.
        """
        recipes = {name: value for name, value in state.items() if isinstance(value, Recipe)}
        self._pretrained = PretrainedParts.from_recipes(recipes)
        self.__dict__.update({**state, **self._pretrained.opened})

    def __copy__(self) -> Self:
        """Another aligner with the same networks."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Another aligner with networks of its own."""
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        twin.__setstate__(copy.deepcopy(self._with_recipes(), memo))
        return twin

    def _with_recipes(self) -> dict[str, Any]:
        """The attributes, with recipes in place of what was opened from weights."""
        own = {
            name: value for name, value in self.__dict__.items() if name not in ("_pretrained", "_refiner")
        }
        return self._pretrained.with_recipes(own)
