"""Everything of the faces of one photo but their meshes, as JSON (``docs/json.md``)."""

from __future__ import annotations

import os
from collections.abc import Sequence

from lineament.errors import ExportError
from lineament.export.files import write_text
from lineament.export.indented import indented
from lineament.expression_keys import TargetNames
from lineament.face_values import face_values
from lineament.several import Faces, list_of_faces
from lineament.version import __version__

JSON_SCHEMA = "lineament-faces/1"


def export_json(
    faces: Faces,
    path: str | os.PathLike[str],
    *,
    photo: str | None = None,
    source: str | None = None,
    size_hw: tuple[int, int] | None = None,
    meshes: Sequence[str | None] | str = (),
    targets: TargetNames = "arkit",
) -> None:
    """Write the faces of one photo as JSON: boxes, poses, landmarks, coefficients (``docs/json.md``).

    Args:
        faces: results, in the order they are written, or one.
        path: where to; a file that is there is replaced.
        photo: name of the photo, for the reader.
        source: its path; left out, the JSON does not mention it.
        size_hw: height and width of the upright photo, px.
        meshes: for each face the name of the mesh file written beside, or None; left out, no face has one.
        targets: names of `blendshapes`: "arkit" for ARKit's 52, "all" for the face model's own.

    Raises:
        ExportError: as many meshes as faces are not given, or the file cannot be written.
        ConfigError: something else than faces, or other targets.
    """
    faces, meshes = list_of_faces(faces), [meshes] if isinstance(meshes, str) else meshes
    if meshes and len(meshes) != len(faces):
        raise ExportError(f"{len(faces)} faces but {len(meshes)} mesh names: give one a face, or none.")
    height, width = size_hw if size_hw is not None else (None, None)
    about_source = {} if source is None else {"source": source}
    content = {
        "schema": JSON_SCHEMA,
        "lineament": __version__,
        "units": {"angle": "rad", "image": "px", "model": "mm"},
        "photo": {"file": photo, **about_source, "width": width, "height": height},
        "faces": [
            face_values(face, targets=targets) | {"mesh": meshes[number] if meshes else None}
            for number, face in enumerate(faces)
        ],
    }
    write_text(path, indented(content) + "\n")
