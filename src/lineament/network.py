"""One ONNX graph as a function: named arrays in, named arrays out.

ONNX Runtime is imported when the first network is opened (:mod:`lineament.runtime`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ConfigError, WeightsError
from lineament.files import sha256_of
from lineament.ranges import check_kind
from lineament.runtime import CUDA, check_device, load_runtime, providers_of, runtime_errors

Array: TypeAlias = NDArray[Any]
Recipe: TypeAlias = tuple[Callable[..., "OnnxNetwork"], tuple[Any, ...]]


MAX_THREADS = 1024
LARGEST = np.float64(1e6)  # a type that holds it, whatever the network gives
"""No px, mm, coefficient or logit that a network gives is larger: what is counts as infinite."""


class OnnxNetwork:
    """An ONNX graph, ready to run. One network may be called from several threads at once.

    It pickles as where it came from, a checksum and its options, and is opened again where it arrives.

    Attributes:
        path: the file it came from.
        input_shapes: dimensions of each input by name; None where any size fits.
        output_names: the outputs, in the graph's order.
        metadata: the strings stored in the graph (``metadata_props``).
        device: "cuda" or "cpu": where it runs.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        graph: bytes | None = None,
        threads: int | None = None,
        device: str = "cpu",
        recipe: Recipe | None = None,
    ) -> None:
        """Load the graph.

        Args:
            path: an .onnx file.
            graph: content of the graph, where `path` is a file with several.
            threads: CPU threads one call may use; None lets ONNX Runtime take all cores.
            device: "cpu"; "cuda", with the package onnxruntime-gpu; "auto", CUDA if it is there.
            recipe: a function and its arguments that open the same network again; as `path` says when None.

        Raises:
            WeightsError: the file is missing or is not a working ONNX graph.
            ConfigError: `threads` is below one, or this ONNX Runtime does not have the device.
        """
        if threads is not None:
            check_kind("threads", threads, whole=True)
        if threads is not None and not 1 <= threads <= MAX_THREADS:
            raise ConfigError(
                f"threads must be at least 1 and at most {MAX_THREADS}, found {threads}. "
                f"Leave it out to use all cores."
            )
        self.path = Path(path)
        self._options = (threads, device)
        self._recipe = recipe
        self._runtime_errors, self._session = _open_session(self.path, graph, threads, device)
        self.input_shapes: dict[str, tuple[int | None, ...]] = {
            node.name: tuple(length if isinstance(length, int) else None for length in node.shape)
            for node in self._session.get_inputs()
        }
        self.output_names: tuple[str, ...] = tuple(node.name for node in self._session.get_outputs())
        self.metadata: Mapping[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self.device = "cuda" if CUDA in self._session.get_providers() else "cpu"

    def __repr__(self) -> str:
        """File, inputs and outputs."""
        ends = f"{', '.join(self.input_shapes)} -> {', '.join(self.output_names)}"
        return f"OnnxNetwork({self.path.name!r}, {ends})"

    def __reduce__(self) -> Recipe:
        """How to open it again elsewhere."""
        if self._recipe is not None:
            return self._recipe
        path = self.path.absolute()
        return type(self)._reopened, (str(path), _sha256_of(path), *self._options)

    def __call__(self, **arrays: Array) -> dict[str, Array]:
        """Run the graph once.

        Args:
            **arrays: one array an input, under the input's name.

        Returns:
            One array an output, by name.

        Raises:
            WeightsError: the inputs are not those of the graph (names, shapes or dtypes), or it cannot run.
        """
        if set(arrays) != set(self.input_shapes):
            raise WeightsError(
                f"{self.path.name} takes the inputs {sorted(self.input_shapes)}, found {sorted(arrays)}. "
                f"These weights belong to another method."
            )
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        try:
            outputs = self._session.run(None, contiguous)
        except self._runtime_errors as error:
            found = {name: (array.shape, str(array.dtype)) for name, array in arrays.items()}
            raise WeightsError(
                f"{self.path.name} cannot run on {found}: {error}. Its inputs are {self.input_shapes}."
            ) from error
        return dict(zip(self.output_names, outputs, strict=True))

    @classmethod
    def _reopened(cls, path: str, sha256: str, threads: int | None, device: str) -> Self:
        """The same network where a pickle arrives.

        Raises:
            WeightsError: the file is not there, or is another one.
        """
        if _sha256_of(Path(path)) != sha256:
            raise WeightsError(
                f"{path} is not the file this network was made from (checksums differ). Copy that file here, "
                f"or make the network anew."
            )
        return cls(path, threads=threads, device=device)


def finite_rows(
    outputs: Mapping[str, Array], expected: Mapping[str, tuple[int | None, ...]], *, source: str
) -> NDArray[np.bool_]:
    """Which rows of a network's outputs are numbers throughout; what the network gives is checked on the way.

    Args:
        outputs: as a network returns them.
        expected: the outputs a method needs and their shapes without the rows; None where any length fits.
        source: the network's name, for the error.

    Returns:
        (n,) False where any needed output of the row is NaN, infinite or absurdly large: that face must not
        be believed.

    Raises:
        WeightsError: an output is missing, no number, or of another shape; says which.
    """
    rows = check_shapes(outputs, expected, source=source)
    flat = [outputs[name].reshape(rows, math.prod(outputs[name].shape[1:])) for name in expected]
    largest = np.abs(np.concatenate(flat, axis=1)).max(axis=1, initial=0)  # NaN where there is one
    finite: NDArray[np.bool_] = largest <= LARGEST
    return finite


def check_shapes(
    outputs: Mapping[str, Array], expected: Mapping[str, tuple[int | None, ...]], *, source: str
) -> int:
    """How many rows a network's outputs have, which are numbers of the shapes that they must have.

    Args:
        outputs: as a network returns them.
        expected: the outputs a method needs and their shapes without the rows; None where any length fits.
        source: the network's name, for the error.

    Raises:
        WeightsError: an output is missing, no number, or of another shape; says which.
    """
    missing = [name for name in expected if name not in outputs]
    if missing:
        raise WeightsError(
            f"{source} gives {', '.join(outputs)} and not {', '.join(missing)}. These weights belong to "
            f"another method."
        )
    first = next((np.shape(outputs[name]) for name in expected), ())
    rows = first[0] if first else 0
    for name, shape in expected.items():
        found = outputs[name]
        is_alike = len(found.shape) == len(shape) + 1 and found.shape[0] == rows
        if not is_alike or any(wanted not in (None, has) for wanted, has in zip(shape, found.shape[1:])):
            wanted_shape = ("n", *("any" if length is None else length for length in shape))
            raise WeightsError(
                f"{name} of {source} has the shape {found.shape}, expected "
                f"({', '.join(map(str, wanted_shape))}) with n = {rows}. These weights belong to another "
                f"method."
            )
        if found.dtype.kind not in "fiub":
            raise WeightsError(
                f"{name} of {source} holds {found.dtype}, expected numbers. These weights belong to another "
                f"method."
            )
    return rows


def _open_session(
    path: Path, graph: bytes | None, threads: int | None, device: str
) -> tuple[tuple[type[Exception], ...], Any]:
    """ONNX Runtime's kinds of error and a session on the file, or on the graph out of it."""
    if graph is None and not path.is_file():
        raise WeightsError(f"There are no weights at {path}. Check the path, or reinstall lineament.")
    runtime = load_runtime()
    providers = providers_of(device, runtime)
    options = runtime.SessionOptions()
    # An aligner has two networks: the threads of one would spin while the other computes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # its warnings speak to graph authors; errors reach us as exceptions
    if threads is not None:
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
    errors = runtime_errors(runtime)
    source = os.fspath(path) if graph is None else graph
    try:
        # Its fallback prints where the results of commands go, and tries the same again.
        session = runtime.InferenceSession(
            source, sess_options=options, providers=providers, enable_fallback=0
        )
    except errors as error:
        raise WeightsError(
            f"{path} is not a working ONNX graph ({error}). The file is damaged or from a newer version: "
            f"copy it again, or upgrade onnxruntime."
        ) from error
    check_device(device, session, runtime)
    return errors, session


def _sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file; WeightsError where it cannot be read."""
    try:
        return sha256_of(path)
    except OSError as error:
        raise WeightsError(f"There are no weights at {path} ({error}). Copy the file there.") from error
