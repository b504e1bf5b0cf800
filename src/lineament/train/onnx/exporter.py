"""What a method's row says of its export, and the export itself: one way for all of them."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import onnx
from numpy.typing import NDArray
from torch import nn

from lineament.bundle import SUFFIX, Bundle, DetectorSpec, Manifest
from lineament.bundle.plain_graph import EAGER, MAX_UNCERTAINTY_MM
from lineament.errors import DataError, ExportError
from lineament.methods.pretrained import open_close_ups
from lineament.methods.regressor import UNCERTAINTY
from lineament.train.batches.pictures import Pictures, PictureSource
from lineament.train.onnx.agreement import check_faces
from lineament.train.onnx.graph import Graph, checked_graph
from lineament.train.onnx.half import halve_weights
from lineament.train.onnx.int8 import int8_graph

log = logging.getLogger(__name__)

Array: TypeAlias = NDArray[Any]
Arrays: TypeAlias = Mapping[str, Mapping[str, Array]]
Flip: TypeAlias = Callable[[onnx.ModelProto, Manifest], onnx.ModelProto]
PRECISION = "precision"
INT8 = "int8, outermost layers float32"
FLIP, BOTH = "looks", "the crop and its mirror image, averaged"
"""Key and value of a manifest's `trained`, as former versions had them."""
CHECKED = 64
"""Real pictures on which each graph is compared with torch."""


def no_arrays(network: nn.Module) -> Arrays:
    """No constants beside the graphs."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """A method's networks as weights.

    Attributes:
        method: key of :data:`lineament.methods.METHODS`, or "detector".
        graphs: of a network in evaluation mode, by the names that the method opens them by.
        arrays: constants beside them.
        half: whether weights are stored in half precision unless something else is asked for.
        flip: makes a graph that predicts from a crop and its mirror image; None where the method has none.
        flipped: the graph that it is made of.
        check_int8: compares weights in int8 with the others on pictures; raises ExportError.
    """

    method: str
    graphs: Callable[[Any], Mapping[str, Graph]]
    arrays: Callable[[Any], Arrays] = no_arrays
    half: bool = False
    flip: Flip | None = None
    flipped: str = "network"
    check_int8: Callable[[Bundle, Bundle, Pictures], None] = check_faces


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What is asked for.

    Attributes:
        half: store weights in half precision; None does as the method usually does.
        int8: quantise all layers but the outermost.
        flip: predict from each crop and its mirror image.
        count: pictures to calibrate eight bits on, and to check them on.
        close_ups: name of installed weights whose close-ups of eyes and mouth correct the faces; empty for
            none.
    """

    half: bool | None = None
    int8: bool = False
    flip: bool = False
    count: int = 256
    close_ups: str = ""


USUAL = ExportOptions()


def export(
    exporter: Exporter,
    network: nn.Module,
    out: Path,
    *,
    manifest: Manifest,
    pictures: PictureSource | None,
    options: ExportOptions = USUAL,
) -> Path:
    """Write the weights of a network as a bundle, once all that it holds agrees with the network.

    Args:
        exporter: of the method.
        network: with any weights.
        out: the file, with the suffix ".lineament"; an older one stays as it is until the end.
        manifest: what the weights say of themselves.
        pictures: real ones; None where there are none, which `options.int8` does not allow.
        options: what is asked for.

    Raises:
        ExportError: a graph does not say what torch says, eight bits lose too much, or the method has no flip
            ensemble; nothing is written.
        WeightsError: there are no weights of the name that is to lend close-ups, or they have none.
        DataError: eight bits are asked for, and there are no pictures to calibrate on.
    """
    if out.suffix != SUFFIX:
        raise ExportError(
            f"Weights are written as one file that describes itself: name it {out.with_suffix(SUFFIX).name} "
            f"instead of {out.name}."
        )
    if options.flip and exporter.flip is None:
        raise ExportError(f"{manifest.method} has no flip ensemble: leave --flip out.")
    if options.close_ups:
        manifest = replace(manifest, close_ups=_lender(options.close_ups, manifest))
    half = exporter.half if options.half is None else options.half
    real = _real(pictures)
    made = exporter.graphs(network.eval())
    graphs = {name: checked_graph(graph, half=half, real=real) for name, graph in made.items()}
    arrays = exporter.arrays(network)
    manifest = replace(manifest, method=exporter.method)
    if options.int8:
        takes = [name for name, graph in made.items() if graph.takes_int8]
        graphs, manifest = _as_int8(
            exporter, graphs, takes, arrays, manifest, pictures, options.count, half=half
        )
    if options.flip and exporter.flip is not None:
        graphs[exporter.flipped] = exporter.flip(graphs[exporter.flipped], manifest)
        manifest = replace(manifest, trained={**manifest.trained, FLIP: BOTH})
        if UNCERTAINTY in {output.name for output in graphs[exporter.flipped].graph.output}:
            detector = None if manifest.detector is None else DetectorSpec(manifest.detector.weights, EAGER)
            manifest = replace(manifest, detector=detector, max_uncertainty_mm=MAX_UNCERTAINTY_MM)
    return _write(out, graphs, arrays, manifest)


def _lender(name: str, manifest: Manifest) -> str:
    """The name of weights whose close-ups suit other weights' faces.

    Raises:
        ExportError: their face models differ.
        WeightsError: there are no such weights, or they have no close-ups.
    """
    lender = Bundle.open(name)
    open_close_ups(lender, threads=1)
    theirs, own = lender.manifest.face_model, manifest.face_model
    if theirs is None or own is None or theirs.name != own.name:
        raise ExportError(
            f"{name} has close-ups of another face model than {manifest.name}: leave --close-ups out."
        )
    return lender.manifest.name


def _real(pictures: PictureSource | None) -> Pictures | None:
    try:
        return None if pictures is None else pictures.check(CHECKED)
    except (DataError, OSError) as error:
        log.warning("The graph is compared with torch on noise alone: %s", error)
        return None


def _as_int8(
    exporter: Exporter,
    graphs: dict[str, onnx.ModelProto],
    takes: list[str],
    arrays: Arrays,
    manifest: Manifest,
    pictures: PictureSource | None,
    count: int,
    *,
    half: bool,
) -> tuple[dict[str, onnx.ModelProto], Manifest]:
    """The graphs quantised, and compared with the others as users have them."""
    if pictures is None:
        raise DataError(
            "Eight bits are calibrated on pictures, and there are none: name folders with --samples."
        )
    calibration = pictures.calibration(count)
    eights = {name: int8_graph(graphs[name], calibration) for name in takes}
    small = graphs | {name: halve_weights(graph) if half else graph for name, graph in eights.items()}
    stated = replace(manifest, trained={**manifest.trained, PRECISION: INT8})
    with tempfile.TemporaryDirectory() as folder:
        files = [(f"float{SUFFIX}", graphs, manifest), (f"int8{SUFFIX}", small, stated)]
        whole, eight = (Bundle.open(_write(Path(folder) / name, g, arrays, m)) for name, g, m in files)
        exporter.check_int8(whole, eight, pictures.check(count))
    return small, stated


def _write(path: Path, graphs: dict[str, onnx.ModelProto], arrays: Arrays, manifest: Manifest) -> Path:
    contents = {name: graph.SerializeToString() for name, graph in graphs.items()}
    return Bundle.write(path, manifest, graphs=contents, arrays=arrays)
