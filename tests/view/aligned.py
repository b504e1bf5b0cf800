"""A result of Python as the page has it."""

from dataclasses import asdict


def crop_box_values(box):
    return {
        "x": box.center_xy[0],
        "y": box.center_xy[1],
        "side": box.side,
        "size": box.size,
        "roll": box.roll,
    }


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
