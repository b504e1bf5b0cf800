"""One ONNX graph as a function: named arrays in, named arrays out.

ONNX Runtime is imported when the first network is opened, with its telemetry switched off.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ConfigError, WeightsError
from lineament.telemetry import RUNTIME_CAME_FIRST, TELEMETRY_SWITCH

Array: TypeAlias = NDArray[Any]


MAX_THREADS = 1024


class OnnxNetwork:
    """An ONNX graph, ready to run. One network may be called from several threads at once.

    Attributes:
        path: the file it came from.
        input_shapes: dimensions of each input by name; None where any size fits.
        output_names: the outputs, in the graph's order.
        metadata: the strings stored in the file (``metadata_props``).
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        threads: int | None = None,
        providers: Sequence[str] = ("CPUExecutionProvider",),
    ) -> None:
        """Load the graph.

        Args:
            path: an .onnx file.
            threads: CPU threads one call may use; None lets ONNX Runtime take all cores.
            providers: ONNX Runtime's execution providers, best first, such as ("CUDAExecutionProvider",
                "CPUExecutionProvider") with the package onnxruntime-gpu.

        Raises:
            WeightsError: the file is missing or is not a working ONNX graph.
            ConfigError: `threads` is below one, or a provider is not in this ONNX Runtime.
        """
        if threads is not None and not 1 <= threads <= MAX_THREADS:
            raise ConfigError(
                f"threads must be at least 1 and at most {MAX_THREADS}, found {threads}. "
                f"Leave it out to use all cores."
            )
        self.path = Path(path)
        self._runtime_errors, self._session = _open_session(self.path, threads, tuple(providers))
        self.input_shapes: dict[str, tuple[int | None, ...]] = {
            node.name: tuple(length if isinstance(length, int) else None for length in node.shape)
            for node in self._session.get_inputs()
        }
        self.output_names: tuple[str, ...] = tuple(node.name for node in self._session.get_outputs())
        self.metadata: Mapping[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)

    def __repr__(self) -> str:
        """File, inputs and outputs."""
        ends = f"{', '.join(self.input_shapes)} -> {', '.join(self.output_names)}"
        return f"OnnxNetwork({self.path.name!r}, {ends})"

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


def _open_session(
    path: Path, threads: int | None, providers: tuple[str, ...]
) -> tuple[tuple[type[Exception], ...], Any]:
    """ONNX Runtime's kinds of error and a session on the file."""
    if not path.is_file():
        raise WeightsError(f"There are no weights at {path}. Check the path, or reinstall lineament.")
    runtime = _load_runtime()
    available = runtime.get_available_providers()
    missing = [name for name in providers if name not in available]
    if missing:
        raise ConfigError(
            f"This ONNX Runtime has no {', '.join(missing)}; it has {', '.join(available)}. "
            f"Choose among these, or install the ONNX Runtime built for your device."
        )
    options = runtime.SessionOptions()
    # An aligner has two networks: the threads of one would spin while the other computes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # its warnings speak to graph authors; errors reach us as exceptions
    if threads is not None:
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
    errors = _runtime_errors(runtime)
    try:
        return errors, runtime.InferenceSession(
            os.fspath(path), sess_options=options, providers=list(providers)
        )
    except errors as error:
        raise WeightsError(
            f"{path} is not a working ONNX graph ({error}). The file is damaged or from a newer version: "
            f"copy it again, or upgrade onnxruntime."
        ) from error


def _load_runtime() -> ModuleType:
    """ONNX Runtime with its telemetry off."""
    try:
        import onnxruntime
    except ImportError as error:
        raise WeightsError(
            "ONNX Runtime is not installed. Run: pip install onnxruntime (or onnxruntime-gpu)."
        ) from error
    disable = getattr(onnxruntime, "disable_telemetry_events", None)
    if disable is not None:
        disable()
    if RUNTIME_CAME_FIRST:
        warnings.warn(
            f"onnxruntime was imported before lineament, so its telemetry was on until now. "
            f"Import lineament first, or set {TELEMETRY_SWITCH}=1.",
            stacklevel=4,
        )
    return onnxruntime


def _runtime_errors(runtime: ModuleType) -> tuple[type[Exception], ...]:
    """The exceptions ONNX Runtime raises, which share no base of their own, and those of its bindings."""
    state = runtime.capi.onnxruntime_pybind11_state
    own = (
        value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception)
    )
    return (*own, RuntimeError, ValueError, TypeError)
