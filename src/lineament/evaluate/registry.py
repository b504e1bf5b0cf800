"""The data sets that the command line knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from lineament.errors import ConfigError
from lineament.evaluate.items import EvaluationSet


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOptions:
    """What a set may be made from.

    Attributes:
        data: folder or file of the set.
        labels: folder of label files that came apart from it.
        basel: the user's own Basel model.
        basel_vertices: list of its vertices without neck.
        pictures: zip of backgrounds, for occluders' textures.
        masks: folder of pictures of masks; None looks in the reference material.
        limit: only that many items, the first ones.
    """

    data: Path
    labels: Path | None = None
    basel: Path | None = None
    basel_vertices: Path | None = None
    pictures: Path | None = None
    masks: Path | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class SetEntry:
    """A set the command line knows.

    Attributes:
        needs: what `--data` is.
        load: makes it.
    """

    needs: str
    load: Callable[[SetOptions], EvaluationSet]


def load_set(name: str, options: SetOptions) -> EvaluationSet:
    """A set by name, cut to the limit.

    Raises:
        ConfigError: there is no such set.
        DataError: it cannot be read.
    """
    if name not in SETS:
        raise ConfigError(f"There is no data set {name!r}. Choose from {', '.join(SETS)}.")
    data = SETS[name].load(options)
    if options.limit is None or options.limit >= len(data.items):
        return data
    note = f"Only the first {options.limit} of {len(data.items)} faces."
    return replace(data, items=data.items[: options.limit], notes=(*data.notes, note))


def _aflw2000(options: SetOptions) -> EvaluationSet:
    from lineament.evaluate.sets.aflw2000 import load_aflw2000

    return load_aflw2000(options.data, labels=options.labels, basel=_basel(options))


def _scans(options: SetOptions) -> EvaluationSet:
    from lineament.evaluate.sets.scans import load_scans

    return load_scans(options.data)


def _occlusion(name: str, base: Callable[[SetOptions], EvaluationSet], options: SetOptions) -> EvaluationSet:
    from lineament.evaluate.sets.occlusion import OccluderPictures, load_occlusion

    pictures = OccluderPictures(options.pictures, options.masks)
    return load_occlusion(name, base(options), pictures=pictures, limit=options.limit)


def _aflw(options: SetOptions) -> EvaluationSet:
    from lineament.evaluate.sets.landmark_sets import load_aflw

    return load_aflw(options.data)


def _lfpa(options: SetOptions) -> EvaluationSet:
    from lineament.evaluate.predictors import LineamentPredictor
    from lineament.evaluate.sets.landmark_sets import load_aflw_lfpa

    # The points' places on the mesh are found with the weights inside the package, whatever is evaluated.
    predictor = LineamentPredictor.from_pretrained("default")
    return load_aflw_lfpa(options.data, lambda item: predictor.predict([item])[0])


def _cofw(options: SetOptions) -> EvaluationSet:
    from lineament.evaluate.sets.landmark_sets import load_cofw

    return load_cofw(options.data)


def _300vw(options: SetOptions) -> EvaluationSet:
    from lineament.evaluate.sets.landmark_sets import load_300vw

    return load_300vw(options.data)


def _pts(options: SetOptions) -> EvaluationSet:
    from lineament.evaluate.sets.landmark_sets import load_pts

    return load_pts(options.data)


def _handset(options: SetOptions) -> EvaluationSet:
    from lineament.evaluate.sets.handset import load_handset

    return load_handset(options.data)


def _florence(options: SetOptions) -> EvaluationSet:
    from lineament.evaluate.sets.florence import load_florence

    return load_florence(options.data)


def _basel(options: SetOptions):  # noqa: ANN202 - a type of a module that is imported late
    from lineament.evaluate.sets.aflw2000 import BaselTruth

    if options.basel is None:
        return None
    if options.basel_vertices is None:
        raise ConfigError("--basel needs --basel-vertices: which of the model's vertices are without neck.")
    return BaselTruth.read(options.basel, options.basel_vertices)


_OCCLUDERS = {
    "csod": "",
    "nsod": "; and --pictures",
    "masks": "; and --masks, or $LINEAMENT_SHARED",
}
SETS: dict[str, SetEntry] = {
    "aflw2000-3d": SetEntry("folder or zip of image00002.jpg, image00002.mat, ...", _aflw2000),
    **{
        name: SetEntry(f"AFLW2000-3D, of which the set is made{more}", partial(_occlusion, name, _aflw2000))
        for name, more in (("nod", ""), *_OCCLUDERS.items())
    },
    "aflw": SetEntry("folder with 3DDFA's AFLW kit, or with aflw.sqlite and its photographs", _aflw),
    "aflw-lfpa": SetEntry("folder or zip with Landmark.mat, BoundingBox.mat, TestImages, TrainImages", _lfpa),
    "cofw": SetEntry("folder with COFW_test_color.mat and COFW68_Data", _cofw),
    "300vw": SetEntry("folder of 300VW, frames written beside the videos", _300vw),
    "pts": SetEntry("folder or zip of photographs with .pts files beside them, as 300W", _pts),
    "handset": SetEntry("folder with cfp, fgnet, london (zips) and NAME_points.npz of each", _handset),
    "florence": SetEntry("folder of the unpacked scans", _florence),
    "rendered-scans": SetEntry("ICT-FaceKit: its folder FaceXModel, or an .npz of it", _scans),
    **{
        f"rendered-scans-{name}": SetEntry(f"ICT-FaceKit as well{more}", partial(_occlusion, name, _scans))
        for name, more in _OCCLUDERS.items()
    },
}
