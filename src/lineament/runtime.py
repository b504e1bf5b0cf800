"""ONNX Runtime: loaded when the first network is opened, its telemetry off, on the device asked for."""

from __future__ import annotations

import warnings
from importlib import metadata
from types import ModuleType
from typing import Any, Literal, TypeAlias

from lineament.errors import ConfigError, WeightsError
from lineament.telemetry import RUNTIME_CAME_FIRST, TELEMETRY_SWITCH

Device: TypeAlias = Literal["cpu", "cuda", "auto"]
"""Where networks run; "auto" is a GPU of NVIDIA where ONNX Runtime has one, the CPU elsewhere."""

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
CUDA_OPTIONS = {"use_tf32": "0"}
"""Ten bits of mantissa would make results depend on the device by more than rounding."""
PACKAGES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino")
HOW_TO_CUDA = "pip uninstall onnxruntime && pip install onnxruntime-gpu"


def load_runtime() -> ModuleType:
    """ONNX Runtime with its telemetry off.

    Raises:
        WeightsError: it is not installed.
    """
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


def check_device_name(device: str) -> None:
    """Refuse a name that no device has.

    Raises:
        ConfigError: says which there are.
    """
    if device not in ("cpu", "cuda", "auto"):
        raise ConfigError(
            f'device must be "cpu", "cuda" or "auto", found {device!r}. Which GPU "cuda" means, '
            f"CUDA_VISIBLE_DEVICES says."
        )


def providers_of(device: str, runtime: ModuleType) -> list[Any]:
    """ONNX Runtime's execution providers for a device, best first, with their options.

    Raises:
        ConfigError: no such device, or "cuda" with an ONNX Runtime built without it.
    """
    check_device_name(device)
    has_cuda = CUDA in runtime.get_available_providers()
    if device == "cuda" and not has_cuda:
        raise ConfigError(
            f'device="cuda" needs an ONNX Runtime built for CUDA; installed is {describe(runtime)}. '
            f'Run: {HOW_TO_CUDA}; or choose device="cpu".'
        )
    return [CPU] if device == "cpu" or not has_cuda else [(CUDA, CUDA_OPTIONS), CPU]


def check_device(device: str, session: Any, runtime: ModuleType) -> None:  # noqa: ANN401
    """Refuse a session that ONNX Runtime has moved to the CPU although CUDA was asked for.

    Raises:
        ConfigError: it has.
    """
    if device == "cuda" and CUDA not in session.get_providers():
        raise ConfigError(
            f'device="cuda": {describe(runtime)} cannot start CUDA here. The driver of the GPU, or the '
            f"versions of CUDA and cuDNN that this ONNX Runtime was built with, are missing "
            f'(pip install "onnxruntime-gpu[cuda,cudnn]" brings the latter); or choose device="cpu".'
        )


def describe(runtime: ModuleType) -> str:
    """Which ONNX Runtime this is: package, version and providers."""
    packages = [name for name in PACKAGES if _is_installed(name)] or ["onnxruntime"]
    names = ", ".join(runtime.get_available_providers())
    return f"{' and '.join(packages)} {runtime.__version__} with {names}"


def runtime_errors(runtime: ModuleType) -> tuple[type[Exception], ...]:
    """The exceptions ONNX Runtime raises, which share no base of their own, and those of its bindings."""
    state = runtime.capi.onnxruntime_pybind11_state
    own = (
        value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception)
    )
    return (*own, RuntimeError, ValueError, TypeError)


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
