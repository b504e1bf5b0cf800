from types import SimpleNamespace

import numpy as np
import pytest

from lineament import runtime
from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.errors import ConfigError
from lineament.network import OnnxNetwork

CUDA_FIRST = [("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider"]


class Session:
    """Stands in for ONNX Runtime's; the CPU does the work."""

    def __init__(self, real, starts_cuda):
        self._real, self._starts_cuda = real, starts_cuda

    def get_providers(self):
        return ["CUDAExecutionProvider"] * self._starts_cuda + ["CPUExecutionProvider"]

    def __getattr__(self, name):
        return getattr(self._real, name)


@pytest.fixture
def runtime_with_cuda(monkeypatch):
    """An ONNX Runtime that has CUDA; what sessions were asked for, and whether CUDA starts."""
    import onnxruntime

    seen = SimpleNamespace(providers=[], starts_cuda=True)

    def session(source, sess_options, providers, **options):
        seen.providers.append(providers)
        cpu = ["CPUExecutionProvider"]
        real = onnxruntime.InferenceSession(source, sess_options, providers=cpu, **options)
        return Session(real, seen.starts_cuda)

    fake = SimpleNamespace(
        InferenceSession=session,
        SessionOptions=onnxruntime.SessionOptions,
        capi=onnxruntime.capi,
        get_available_providers=lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
        __version__="1.99",
    )
    monkeypatch.setattr("lineament.network.load_runtime", lambda: fake)
    return seen


def test_cuda_without_an_onnx_runtime_for_it_says_what_is_installed_and_what_is_needed(disc_graph):
    with pytest.raises(
        ConfigError, match=r"installed is onnxruntime .* with .*CPUExecutionProvider"
    ) as caught:
        OnnxNetwork(disc_graph, device="cuda")
    assert "pip install onnxruntime-gpu" in str(caught.value)


def test_auto_takes_the_cpu_where_there_is_nothing_else(disc_graph):
    assert OnnxNetwork(disc_graph, device="auto").device == "cpu"


@pytest.mark.parametrize("device", ["gpu", "", "CUDAExecutionProvider", None])
def test_another_device_is_refused(disc_graph, device):
    with pytest.raises(ConfigError, match='"cpu", "cuda" or "auto"'):
        OnnxNetwork(disc_graph, device=device)


@pytest.mark.parametrize("device", ["cuda", "auto"])
def test_a_gpu_is_asked_for_full_precision_and_the_cpu_for_the_rest(disc_graph, runtime_with_cuda, device):
    assert OnnxNetwork(disc_graph, device=device).device == "cuda"
    assert runtime_with_cuda.providers == [CUDA_FIRST]


def test_on_the_cpu_a_gpu_is_left_alone(disc_graph, runtime_with_cuda):
    OnnxNetwork(disc_graph)
    assert runtime_with_cuda.providers == [["CPUExecutionProvider"]]


def test_a_gpu_that_does_not_start_is_an_error_for_cuda_and_none_for_auto(disc_graph, runtime_with_cuda):
    runtime_with_cuda.starts_cuda = False
    with pytest.raises(ConfigError, match="cannot start CUDA here"):
        OnnxNetwork(disc_graph, device="cuda")
    assert OnnxNetwork(disc_graph, device="auto").device == "cpu"


def test_the_device_reaches_the_method_and_the_detector(runtime_with_cuda):
    FaceAligner.from_pretrained("fast", device="cuda")
    assert runtime_with_cuda.providers == [CUDA_FIRST, CUDA_FIRST]


def test_the_results_are_those_of_the_cpu(disc_photo):
    crop = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), np.uint8)
    first, second = (Bundle.open("fast").network(device=device)(crop=crop) for device in ("cpu", "auto"))
    for name in first:
        np.testing.assert_allclose(first[name], second[name], atol=1e-3)


def test_the_description_names_the_package_and_what_it_can_use():
    import onnxruntime

    text = runtime.describe(onnxruntime)
    assert onnxruntime.__version__ in text
    assert "CPUExecutionProvider" in text
