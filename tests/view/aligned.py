"""A result of Python as the page has it."""

from dataclasses import asdict, replace

import numpy as np

from lineament.belief import LOW_SCORE
from lineament.methods.predictor import Predictor

FRAMED_APART, LOOKED_APART = 0.005, 0.01
"""How far crops of one face may lie apart, parts of their side: rounding of products of eight bits in a first
look moves what the next one is of, by 0.001 at most on the photographs here; and by 0.0073 where the
detector's second look, whose box is rounded too, is between them."""


def crop_box_values(box):
    return {
        "x": box.center_xy[0],
        "y": box.center_xy[1],
        "side": box.side,
        "size": box.size,
        "roll": box.roll,
    }


def in_the_pages_crop(aligner, photo, face, found):
    """Python's face in the crop that the page cut, which has to be that of Python but for rounding.

    Args:
        aligner: of the weights that the page ran.
        photo: (H, W, 3).
        face: its result.
        found: what the page says of the same face.
    """
    cut, own = found["cropBox"], face.crop_box
    apart = np.array([cut["x"], cut["y"], cut["side"]]) - (*own.center_xy, own.side)
    bound = FRAMED_APART if face.detection.score >= LOW_SCORE else LOOKED_APART
    assert np.abs(apart).max() < bound * own.side
    assert abs(cut["roll"] - own.roll) < FRAMED_APART
    box = replace(own, center_xy=(cut["x"], cut["y"]), side=cut["side"], roll=cut["roll"])
    predictor = Predictor(aligner.method, close_ups=aligner.close_ups)
    (again,) = predictor.predict(photo, [box], detections=[face.detection])
    return replace(again.with_landmarks(face.landmark_scheme), key_scales=face.key_scales)


def aligned_of(face):
    """What `Aligned` of the page's aligner.js says of a face."""
    camera = {
        "rotation": face.camera.rotation.ravel().tolist(),
        "scale": face.camera.scale,
        "translation": face.camera.translation.tolist(),
    }
    aligned = {
        "identity": face.identity.tolist(),
        "expression": face.expression.tolist(),
        "camera": camera,
        "cropBox": crop_box_values(face.crop_box),
        "detection": {"box": face.detection.box_xyxy.tolist(), "score": face.detection.score},
        "uncertainty": face.uncertainty_mm,
        "keyScales": {name: asdict(scale) for name, scale in face.key_scales.items()},
    }
    if face.shown is not None:
        box = crop_box_values(face.shown.box)
        aligned["shown"] = {"values": face.shown.values.ravel().tolist(), "box": box}
    return aligned
