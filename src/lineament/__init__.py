"""Dense 3D face alignment: from a photograph to the aligned 3D face of everybody on it.

```python
import lineament as la

aligner = la.FaceAligner.from_pretrained()
for face in aligner("photo.jpg"):
    print(face.pose, face.landmarks_image.shape, face.vertices_image.shape)
```

Frames, units and signs are argued in ``docs/conventions.md``. Importing this package loads nothing else: each
public name is fetched from its module when it is first used.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from lineament import telemetry as _telemetry  # noqa: F401 - off before anything can load ONNX Runtime
from lineament.version import __version__

if TYPE_CHECKING:
    from lineament.aligner import FaceAligner
    from lineament.crop import CropBox
    from lineament.detect import Detector
    from lineament.draw import draw_axes, draw_landmarks, draw_mesh, draw_overlay
    from lineament.errors import BoxError, ExportError, ImageError, LineamentError, ModelError, WeightsError
    from lineament.export import export_glb, export_json, export_obj, to_dataframe
    from lineament.geometry.morphable import MorphableModel
    from lineament.image import read_image, write_image
    from lineament.models import load_model
    from lineament.result import Detection, FaceResult, MorphableResult, Pose

__all__ = [
    "BoxError",
    "CropBox",
    "Detection",
    "Detector",
    "ExportError",
    "FaceAligner",
    "FaceResult",
    "ImageError",
    "LineamentError",
    "ModelError",
    "MorphableModel",
    "MorphableResult",
    "Pose",
    "WeightsError",
    "__version__",
    "draw_axes",
    "draw_landmarks",
    "draw_mesh",
    "draw_overlay",
    "export_glb",
    "export_json",
    "export_obj",
    "load_model",
    "read_image",
    "to_dataframe",
    "write_image",
]

_MODULE_OF = {
    "BoxError": "errors",
    "CropBox": "crop",
    "Detection": "result",
    "Detector": "detect",
    "ExportError": "errors",
    "FaceAligner": "aligner",
    "FaceResult": "result",
    "ImageError": "errors",
    "LineamentError": "errors",
    "ModelError": "errors",
    "MorphableModel": "geometry.morphable",
    "MorphableResult": "result",
    "Pose": "result",
    "WeightsError": "errors",
    "draw_axes": "draw",
    "draw_landmarks": "draw",
    "draw_mesh": "draw",
    "draw_overlay": "draw",
    "export_glb": "export",
    "export_json": "export",
    "export_obj": "export",
    "load_model": "models",
    "read_image": "image",
    "to_dataframe": "export",
    "write_image": "image",
}


def __getattr__(name: str) -> object:
    """The public name ``name``, from the module that defines it."""
    if name not in _MODULE_OF:
        raise AttributeError(
            f"module 'lineament' has no attribute {name!r}; public names: {', '.join(__all__)}"
        )
    value: object = getattr(_import_module(f"lineament.{_MODULE_OF[name]}"), name)
    globals()[name] = value  # asked once; the next use is an ordinary lookup
    return value


def __dir__() -> list[str]:
    """The public names, for completion."""
    return sorted(__all__)
