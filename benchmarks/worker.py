"""One contestant of compare_mediapipe.py, in a process of its own: JSON lines in, JSON lines out.

Started as ``python worker.py SETTINGS`` with SETTINGS a JSON object; needs the library it measures, numpy and
Pillow. It first answers {"versions", "faces", "vertices"}. Then a line {"runs", "discard"} is answered by the
{"seconds", "cpu_seconds"} of that many runs, and a line {"parts", "discard"} by {"parts": {name: seconds}}.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import PIL
from PIL import Image


class Contestant(Protocol):
    """A library at work on one photograph."""

    versions: dict[str, str]

    def align(self, jpeg: bytes) -> tuple[int, int]:
        """From encoded photograph to dense mesh: number of faces, and of vertices of the first one."""
        ...

    def parts(self, jpeg: bytes) -> dict[str, float]:
        """Seconds of each step of one run, in order."""
        ...


class Lineament:
    """This package through its public flow. Settings: weights, detector (path or null), threads, passes."""

    def __init__(self, *, weights: str, detector: str | None, threads: int | None, passes: int) -> None:
        import lineament
        from lineament.detect import OnnxDetector

        own = None if detector is None else OnnxDetector(detector, threads=threads)
        self.aligner = lineament.FaceAligner.from_pretrained(
            weights, detector=own, threads=threads, passes=passes
        )
        runtime = sys.modules["onnxruntime"].__version__
        self.versions = {"lineament": lineament.__version__, "onnxruntime": runtime}

    def align(self, jpeg: bytes) -> tuple[int, int]:
        """See Contestant."""
        faces = self.aligner(jpeg)
        return len(faces), len(faces[0].vertices_image) if faces else 0

    def parts(self, jpeg: bytes) -> dict[str, float]:
        """See Contestant."""
        from steps import alignment_watch, steps_of

        with alignment_watch(self.aligner) as watch:
            return steps_of(self.aligner, watch, jpeg)


class MediaPipe:
    """Face Mesh on single photographs. Settings: refine (478 points), threads (null: as it comes)."""

    def __init__(self, *, refine: bool, threads: int | None) -> None:
        import mediapipe
        from mediapipe.python.solutions.face_mesh import FaceMesh

        kind = FaceMesh if threads is None else _with_threads(FaceMesh, threads)
        self.face_mesh = kind(static_image_mode=True, max_num_faces=1, refine_landmarks=refine)
        self.versions = {"mediapipe": mediapipe.__version__}

    def align(self, jpeg: bytes) -> tuple[int, int]:
        """See Contestant. The landmarks stay as MediaPipe hands them over: a list of messages, no array."""
        faces = self.face_mesh.process(_decode(jpeg)).multi_face_landmarks or []
        return len(faces), len(faces[0].landmark) if faces else 0

    def parts(self, jpeg: bytes) -> dict[str, float]:
        """See Contestant; the last step is not part of a run."""
        clock = Clock()
        photo = _decode(jpeg)
        clock.lap("decode")
        faces = self.face_mesh.process(photo).multi_face_landmarks or []
        clock.lap("face mesh")
        for face in faces:
            np.array([(point.x, point.y, point.z) for point in face.landmark], np.float32)
        clock.lap("(landmarks to an array, not counted)")
        return clock.laps


class Clock:
    """Laps of one run by name, in seconds."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Note the time since the lap before."""
        now = time.perf_counter()
        self.laps[name] = now - self._last
        self._last = time.perf_counter()


def _decode(jpeg: bytes) -> np.ndarray:
    """The photograph as lineament decodes it."""
    return np.array(Image.open(io.BytesIO(jpeg)).convert("RGB"))


def _with_threads(face_mesh: type, threads: int) -> type:
    """Face Mesh whose networks may use several threads; on Linux it gives them one and offers no option."""
    from mediapipe.calculators.tensor.inference_calculator_pb2 import InferenceCalculatorOptions

    class FaceMeshWithThreads(face_mesh):
        def _modify_calculator_options(self, config: Any, params: Any) -> None:  # noqa: ANN401
            super()._modify_calculator_options(config, params)
            for node in config.node:
                if not node.calculator.startswith("InferenceCalculator"):
                    continue
                if node.node_options:  # an older and a newer place for the same options
                    options = InferenceCalculatorOptions()
                    node.node_options[0].Unpack(options)
                    options.delegate.xnnpack.num_threads = threads
                    node.node_options[0].Pack(options)
                else:
                    extension = node.options.Extensions[InferenceCalculatorOptions.ext]
                    extension.delegate.xnnpack.num_threads = threads

    return FaceMeshWithThreads


def _answer(contestant: Contestant, jpeg: bytes, request: dict[str, int]) -> dict[str, Any]:
    """The times that one line asks for."""
    for _ in range(request["discard"]):
        contestant.align(jpeg)
    if "parts" in request:
        laps = [contestant.parts(jpeg) for _ in range(request["parts"])]
        return {"parts": {name: [lap[name] for lap in laps] for name in laps[0]}}
    seconds, cpu_start = [], time.process_time()
    for _ in range(request["runs"]):
        start = time.perf_counter()
        contestant.align(jpeg)
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds, "cpu_seconds": time.process_time() - cpu_start}


def main() -> None:
    """Make the contestant, then answer until the input ends."""
    # Libraries write to standard output as they like: the answers keep it to themselves.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    settings = json.loads(sys.argv[1])
    jpeg = Path(settings.pop("photo")).read_bytes()
    kind = {"lineament": Lineament, "mediapipe": MediaPipe}[settings.pop("library")]
    contestant: Contestant = kind(**settings)
    faces, vertices = contestant.align(jpeg)
    versions = contestant.versions | {"pillow": PIL.__version__, "numpy": np.__version__}
    answers.write(json.dumps({"versions": versions, "faces": faces, "vertices": vertices}) + "\n")
    for line in sys.stdin:
        answers.write(json.dumps(_answer(contestant, jpeg, json.loads(line))) + "\n")


if __name__ == "__main__":
    main()
