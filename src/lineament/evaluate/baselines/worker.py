"""Another method in a process of its own. Needs it and numpy, nothing of lineament.

Started as ``python worker.py NAME FOLDER``. It first answers {"version"}; then each line of JSON
{"photo": .npy of (H, W, 3) uint8 RGB, "box": left, top, right, bottom px of the 68 true landmarks or null for
the predictor's own detector, "answer": .npz to write} is answered by {"faces": how many}. The answer has
`points` (n, P, 3) px, x right, y down, z away from the viewer, the first pixel's centre at 0.5, with NaN for
what the predictor does not say; and, where the predictor has them, `vertices` (n, N, 3) and `rotation` (n, 3,
3).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import sys
from typing import Any

import numpy as np

MARGIN = 2.0  # of MediaPipe's picture over the face's box: it has its own detector, which wants surroundings
MAX_FACES = 10


class MediaPipe:
    """Face Mesh, 478 points, on a part of the photograph around the box, or on all of it."""

    package = "mediapipe"

    def __init__(self, folder: str) -> None:
        """Load the graph."""
        face_mesh = importlib.import_module("mediapipe.python.solutions.face_mesh").FaceMesh
        options = {"static_image_mode": True, "refine_landmarks": True}
        self._one = face_mesh(max_num_faces=1, **options)
        self._all = face_mesh(max_num_faces=MAX_FACES, **options)

    def find(self, photo: np.ndarray, box: list[float] | None) -> dict[str, np.ndarray]:
        """See the module."""
        left, top, right, bottom = _part(photo, box)
        part = np.ascontiguousarray(photo[top:bottom, left:right])
        found = (self._all if box is None else self._one).process(part).multi_face_landmarks or []
        size = np.array([part.shape[1], part.shape[0], part.shape[1]])
        points = [np.array([(p.x, p.y, p.z) for p in face.landmark]) for face in found]
        return {"points": np.array(points).reshape(-1, 478, 3) * size + (left, top, 0)}


class FaceAlignment:
    """The network FAN in three dimensions; its depth's sign is not documented and is left out."""

    package = "face-alignment"

    def __init__(self, folder: str) -> None:
        """Load both networks."""
        face_alignment = importlib.import_module("face_alignment")
        kind = face_alignment.LandmarksType
        kind = kind.THREE_D if hasattr(kind, "THREE_D") else kind._3D
        self._network = face_alignment.FaceAlignment(kind, device="cpu", flip_input=False)

    def find(self, photo: np.ndarray, box: list[float] | None) -> dict[str, np.ndarray]:
        """See the module."""
        boxes = None if box is None else [np.array([*box, 1.0])]
        found = self._network.get_landmarks_from_image(photo, detected_faces=boxes) or []
        return {"points": _flat(found)}


class InsightFace:
    """The 68 points in three dimensions of the pack buffalo_l; depth and pose are left out."""

    package = "insightface"

    def __init__(self, folder: str) -> None:
        """Load the pack."""
        app = importlib.import_module("insightface.app")
        self._app = app.FaceAnalysis(name="buffalo_l", allowed_modules=["detection", "landmark_3d_68"])
        self._app.prepare(ctx_id=-1)

    def find(self, photo: np.ndarray, box: list[float] | None) -> dict[str, np.ndarray]:
        """See the module."""
        bgr = np.ascontiguousarray(photo[..., ::-1])
        if box is None:
            faces = self._app.get(bgr)
        else:
            face_kind = importlib.import_module("insightface.app.common").Face
            faces = [face_kind(bbox=np.array(box), det_score=1.0)]
            self._app.models["landmark_3d_68"].get(bgr, faces[0])
        return {"points": _flat([face["landmark_3d_68"] for face in faces])}


class TDDFA:
    """A checkout of 3DDFA_V2 with its small network; dense mesh without neck."""

    package = "3DDFA_V2"

    def __init__(self, folder: str) -> None:
        """Load the network of the checkout."""
        sys.path.insert(0, folder)
        os.chdir(folder)
        with open("configs/mb05_120x120.yml", encoding="utf-8") as stream:
            config = importlib.import_module("yaml").safe_load(stream)
        try:
            network = importlib.import_module("TDDFA_ONNX").TDDFA_ONNX
        except ImportError:
            network = importlib.import_module("TDDFA").TDDFA
        self._network = network(gpu_mode=False, **config)

    def find(self, photo: np.ndarray, box: list[float] | None) -> dict[str, np.ndarray]:
        """See the module."""
        bgr = np.ascontiguousarray(photo[..., ::-1])
        if box is None:
            detector = importlib.import_module("FaceBoxes.FaceBoxes_ONNX").FaceBoxes_ONNX()
            parameters, rois = self._network(bgr, detector(bgr))
        else:
            # Two opposite corners as its landmarks: it cuts the square of sqrt(2) times the longer side.
            corners = np.array([[box[0], box[2]], [box[1], box[3]]])
            parameters, rois = self._network(bgr, [corners], crop_policy="landmark")
        sparse, dense = (
            np.array([_picture(p) for p in self._network.recon_vers(parameters, rois, dense_flag=flag)])
            for flag in (False, True)
        )
        rotation = np.array([_rotation(np.asarray(p)[:12].reshape(3, 4)[:, :3]) for p in parameters])
        return {"points": sparse, "vertices": dense, "rotation": rotation}


def _picture(columns: np.ndarray) -> np.ndarray:
    """(N, 3) of 3DDFA's (3, N): pixel 0 has its centre at 0 there, and depth grows to the viewer."""
    return np.stack([columns[0] + 0.5, columns[1] + 0.5, -columns[2]], axis=1)


def _rotation(matrix: np.ndarray) -> np.ndarray:
    """The rotation of a scaled one: rows made unit, the third their cross product."""
    first, second = (row / np.linalg.norm(row) for row in matrix[:2])
    return np.stack([first, second, np.cross(first, second)])


def _flat(faces: Any) -> np.ndarray:  # noqa: ANN401 - a list of arrays
    """(n, 68, 3) of points counted from pixel 0's centre, without depth."""
    points = np.array([np.asarray(face)[:, :3] for face in faces], dtype=np.float64).reshape(-1, 68, 3)
    points[..., :2] += 0.5
    points[..., 2] = np.nan
    return points


def _part(photo: np.ndarray, box: list[float] | None) -> tuple[int, int, int, int]:
    """Left, top, right, bottom px of the square around a box, within the photograph."""
    height, width = photo.shape[:2]
    if box is None:
        return 0, 0, width, height
    x, y, side = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, MARGIN * max(box[2] - box[0], box[3] - box[1])
    low, high = (np.array([x, y]) + sign * side / 2 for sign in (-1, 1))
    (left, top), (right, bottom) = np.floor(low).astype(int), np.ceil(high).astype(int)
    return max(left, 0), max(top, 0), min(right, width), min(bottom, height)


KINDS: dict[str, Any] = {
    "mediapipe": MediaPipe,
    "face-alignment": FaceAlignment,
    "insightface": InsightFace,
    "3ddfa-v2": TDDFA,
}


def main() -> None:
    """Load the predictor, then answer until the input ends."""
    # Libraries write to standard output as they like: the answers keep it to themselves.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    kind = KINDS[sys.argv[1]]
    predictor = kind(sys.argv[2] if len(sys.argv) > 2 else "")
    try:
        version = importlib.metadata.version(kind.package)
    except importlib.metadata.PackageNotFoundError:
        version = "checkout"
    answers.write(json.dumps({"version": version}) + "\n")
    for line in sys.stdin:
        request = json.loads(line)
        found = predictor.find(np.load(request["photo"]), request["box"])
        np.savez(request["answer"], **found)
        answers.write(json.dumps({"faces": len(found["points"])}) + "\n")


if __name__ == "__main__":
    main()
