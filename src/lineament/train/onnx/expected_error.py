"""A regressor's output "uncertainty", learned: how far off its landmarks are expected to be.

A small network reads two layers of the regressor, the one before its heads and the last map, and, of graphs
that look both ways (:mod:`lineament.train.onnx.flip_ensemble`), how far both predictions are apart. It has
learned the errors on training samples, and that what is no face is off by :data:`NO_FACE_MM`. The
regressor's own layers stay as they are, so that its faces do not change. It is part of the graph: whatever
runs it, Python or a page in a browser, has an ordinary regressor.
"""

from __future__ import annotations

import math

import numpy as np
import onnx
import torch
from onnx import TensorProto, compose, helper
from torch import Tensor, nn

from lineament.errors import ExportError
from lineament.methods.regressor import UNCERTAINTY
from lineament.train.onnx.graph import network_of, noise, renamed, trace

EVIDENCE = "evidence"
"""The output of :func:`with_evidence`."""
LEAST_MM, NO_FACE_MM = 0.8, 30.0
"""Between which errors are expected: no label is more exact, and of what is no face nothing is right."""
PREFIX = "expected/"  # of all that this module adds to a graph
APART = "apart_mm"  # what "uncertainty" of two predictions is called once another one is learned
READS_HIDDEN, READS_LAST = ("Gemm", "heads"), ("Conv", "features")
"""Kind and module of the nodes that read the hidden layer and the last map; of convolutions the last one."""


class Evidence(nn.Module):
    """What is known of n crops: (n, D) of two layers and of how far two predictions are apart."""

    def forward(self, hidden: Tensor, last: Tensor, apart: Tensor | None = None) -> Tensor:
        """(n, H) and (n, C, h, w); or both of 2n rows, mirror images last, whose mean counts, and (n,) mm."""
        seen = torch.cat([hidden, last.mean((2, 3))], dim=1)
        if apart is None:
            return seen
        both = seen.reshape(2, -1, seen.shape[1]).mean(0)
        return torch.cat([both, torch.log(apart.clamp(min=1e-3))[:, None]], dim=1)


class ErrorHead(nn.Module):
    """Evidence to the expected error, mm.

    Args:
        mean: (D,) of evidence.
        spread: (D,) by which it is divided; above zero.
        width: of the hidden layer.
    """

    def __init__(self, mean: Tensor, spread: Tensor, *, width: int = 32) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)
        self.layers = nn.Sequential(
            nn.Dropout(0.3), nn.Linear(len(mean), width), nn.ReLU(), nn.Dropout(0.2), nn.Linear(width, 1)
        )

    def logarithm(self, evidence: Tensor) -> Tensor:
        """(n,) of the error in mm, within what can be expected."""
        said: Tensor = self.layers((evidence - self.mean) / self.spread)[:, 0]
        return said.clamp(math.log(LEAST_MM / 2), math.log(2 * NO_FACE_MM))

    def forward(self, evidence: Tensor) -> Tensor:
        """(n, D) to (n,) mm."""
        return torch.exp(self.logarithm(evidence))


class _ExpectedError(nn.Module):
    """Two layers of n crops, and how far predictions are apart, to what a head expects."""

    def __init__(self, head: ErrorHead) -> None:
        super().__init__()
        self.evidence, self.head = Evidence(), head

    def forward(self, hidden: Tensor, last: Tensor, apart: Tensor | None = None) -> Tensor:
        expected: Tensor = self.head(self.evidence(hidden, last, apart))
        return expected


def with_evidence(graph: onnx.ModelProto) -> onnx.ModelProto:
    """A regressor's graph that gives :data:`EVIDENCE` too, (n, D).

    Args:
        graph: of a compact regressor, both ways or not, in whatever precision.

    Raises:
        ExportError: it has not the layers of the compact regressor.
    """
    return _joined(without_expected_error(graph), Evidence(), EVIDENCE)


def with_expected_error(graph: onnx.ModelProto, head: ErrorHead) -> onnx.ModelProto:
    """A regressor's graph whose "uncertainty" is what a head expects.

    Args:
        graph: as for :func:`with_evidence`; what an earlier head expected is left out.
        head: fitted to the evidence that it gives.

    Raises:
        ExportError: it has not the layers of the compact regressor, or does not say then what the head says.
    """
    whole = _joined(without_expected_error(graph), _ExpectedError(head.eval()), UNCERTAINTY)
    onnx.checker.check_model(whole)
    crops = noise(3, *_crop_shape(graph))
    found = network_of(whole)(crop=crops)[UNCERTAINTY]
    with torch.no_grad():
        wanted = head(torch.from_numpy(network_of(with_evidence(graph))(crop=crops)[EVIDENCE])).numpy()
    if not np.allclose(found, wanted, rtol=1e-3):
        raise ExportError(f"The graph expects errors of {found} mm where its head says {wanted}.")
    return whole


def without_expected_error(graph: onnx.ModelProto) -> onnx.ModelProto:
    """A copy as it was before :func:`with_expected_error`; a plain copy where it never was."""
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    learned = [node for node in copy.graph.node if node.name.startswith(PREFIX)]
    if not learned:
        return copy
    for part in (copy.graph.node, copy.graph.initializer, copy.graph.value_info):
        kept = [each for each in part if not each.name.startswith(PREFIX)]
        del part[:]
        part.extend(kept)
    (told,) = (output for output in copy.graph.output if output.name == UNCERTAINTY)
    if not any(APART in node.output for node in copy.graph.node):
        copy.graph.output.remove(told)
        return copy
    told.name = APART
    return renamed(copy, {APART: UNCERTAINTY})


def _joined(bare: onnx.ModelProto, module: nn.Module, end: str) -> onnx.ModelProto:
    """The graph and a module that reads its layers, whose output is called `end`."""
    ends, taps = [output.name for output in bare.graph.output], _layers(bare)
    body = renamed(bare, {UNCERTAINTY: APART} if end == UNCERTAINTY else {})
    apart = APART if end == UNCERTAINTY else UNCERTAINTY
    names = dict(zip(("hidden", "last"), taps, strict=True))
    if UNCERTAINTY in ends:
        names["apart"] = apart
    body.graph.output.extend(helper.make_tensor_value_info(tap, TensorProto.FLOAT, None) for tap in taps)
    seen = network_of(body)(crop=noise(2, *_crop_shape(bare)))
    tail = trace(module, {name: seen[there] for name, there in names.items()}, (end,), rows=4)
    tail.ir_version = body.ir_version
    del tail.opset_import[:]
    tail.opset_import.extend(body.opset_import)
    whole = compose.merge_models(
        body,
        compose.add_prefix(tail, PREFIX),
        io_map=[(there, PREFIX + name) for name, there in names.items()],
        outputs=[*(name for name in ends if name != end), PREFIX + end],
    )
    for told_of in [value for value in whole.graph.value_info if value.name in (apart, *taps)]:
        whole.graph.value_info.remove(told_of)  # some have n rows and some 2n, all by the name "n"
    return renamed(whole, {PREFIX + end: end})


def _layers(graph: onnx.ModelProto) -> tuple[str, str]:
    """The tensors that the heads read, and the last map."""
    found = []
    for kind, module in (READS_HIDDEN, READS_LAST):
        readers = [n for n in graph.graph.node if n.op_type == kind and module in n.name.split("/")]
        if not readers:
            raise ExportError(
                f"The graph has no layer {module!r} of kind {kind}: errors can be expected of compact "
                f"regressors alone. `lineament info` says which method weights are of."
            )
        found.append(readers[-1].input[0])
    return found[0], found[1]


def _crop_shape(graph: onnx.ModelProto) -> tuple[int, int, int]:
    """Of one crop."""
    height, width, channels = (d.dim_value for d in graph.graph.input[0].type.tensor_type.shape.dim[1:])
    return height, width, channels
