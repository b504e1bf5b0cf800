"""What `lineament align` writes of a photo: which files, under which names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ConfigError

if TYPE_CHECKING:
    from lineament.export import FaceMaps, FaceTexture, FaceTexturer
    from lineament.result import FaceResult, MorphableResult

Photo = NDArray[np.uint8]

TEXTURE_SIZE = 1024  # texels along a side
MESH_FORMATS = ("obj", "ply", "glb", "npz")
MAP_FORMATS = ("depth", "pncc", "normals", "parts")
PICTURE_FORMATS = ("texture", "frontal")
FORMATS = (*MESH_FORMATS, "json", "parquet", *MAP_FORMATS, *PICTURE_FORMATS)


def chosen_from(names: str, known: Sequence[str], what: str) -> tuple[str, ...]:
    """Names of a list such as "obj,glb", each once; "none" for none.

    Raises:
        ConfigError: a name that is not known.
    """
    chosen = tuple(dict.fromkeys(name.strip().lower() for name in names.split(",") if name.strip()))
    if chosen in ((), ("none",)):
        return ()
    for name in chosen:
        if name not in known:
            raise ConfigError(f"There is no {what} {name!r}. Choose from {', '.join(known)}, or none.")
    return chosen


@dataclass(frozen=True)
class ResultWriter:
    """Writes the results of photos in the formats asked for."""

    formats: tuple[str, ...]
    layers: tuple[str, ...]  # of the overlay; none writes none
    texturers: dict[str, FaceTexturer] = field(default_factory=dict)  # by face model, made when first needed

    def write(self, photo: Photo, faces: Sequence[FaceResult], target: Path, *, source: Path) -> None:
        """Write everything of one photo but its rows of a table, under names that begin with `target`.

        All of it or nothing; what a former run left under these names goes.

        Raises:
            LineamentError: a file cannot be written.
        """
        from lineament.cli.whole_results import whole_results

        with whole_results(target) as temporary:
            self._write(photo, faces, temporary, source=source)

    def _write(self, photo: Photo, faces: Sequence[FaceResult], target: Path, *, source: Path) -> None:
        from lineament.draw import draw_overlay
        from lineament.export import export_json, face_maps
        from lineament.image import write_image

        if self.layers:
            write_image(_named(target, "_overlay.png"), draw_overlay(photo, faces, layers=self.layers))
        for number, face in enumerate(faces):
            _FaceFiles(self, photo, face, _named(target, f"_face{number}")).write()
        if set(MAP_FORMATS) & set(self.formats):
            self._write_maps(face_maps(_morphable(faces), photo.shape[:2]), target)
        if "json" in self.formats:
            mesh = next((name for name in ("obj", "glb", "ply") if name in self.formats), None)
            meshes = [f"{target.name}_face{number}.{mesh}" for number in range(len(faces))] if mesh else []
            path = _named(target, ".json")
            size_hw = photo.shape[:2]
            export_json(faces, path, photo=source.name, source=str(source), size_hw=size_hw, meshes=meshes)

    def _write_maps(self, maps: FaceMaps, target: Path) -> None:
        from lineament.export import export_depth
        from lineament.export.files import png_bytes, write_bytes

        pictures = {"pncc": maps.pncc_rgb, "normals": maps.normals_rgb, "parts": maps.parts}
        for name in (name for name in MAP_FORMATS if name in self.formats):
            if name == "depth":
                export_depth(maps, _named(target, "_depth.png"))
                export_depth(maps, _named(target, "_depth.npz"))
            else:
                write_bytes(_named(target, f"_{name}.png"), png_bytes(pictures[name]))


@dataclass(frozen=True)
class _FaceFiles:
    """The files of one face; its texture is made once, and only if a format needs it."""

    writer: ResultWriter
    photo: Photo
    face: FaceResult
    target: Path

    def write(self) -> None:
        """Write each format that has a file a face."""
        writers: dict[str, Callable[[], None]] = {
            "obj": self._obj,
            "ply": self._ply,
            "glb": self._glb,
            "npz": self._npz,
            "texture": self._texture_files,
            "frontal": self._frontal,
        }
        for name in (name for name in self.writer.formats if name in writers):
            writers[name]()

    @cached_property
    def texture(self) -> FaceTexture | None:
        """Of a morphable model with a chart; other faces have none."""
        from lineament.export import FaceTexturer

        face = next(iter(_morphable([self.face])), None)
        if face is None or face.model.uv is None:
            return None
        made = self.writer.texturers
        if face.model.name not in made:
            made[face.model.name] = FaceTexturer(face.model, size=TEXTURE_SIZE)
        return made[face.model.name](self.photo, face)

    def _obj(self) -> None:
        from lineament.export import export_obj

        texture = self.texture if "texture" in self.writer.formats else None
        texture_rgb = None if texture is None else texture.colors_rgb
        export_obj(self.face, _named(self.target, ".obj"), texture_rgb=texture_rgb)

    def _ply(self) -> None:
        from lineament.export import export_ply
        from lineament.export.ply import vertex_colors

        export_ply(self.face, _named(self.target, ".ply"), colors_rgb=vertex_colors(self.face, self.photo))

    def _glb(self) -> None:
        from lineament.export import export_glb

        texture_rgb = None if self.texture is None else self.texture.colors_rgb
        export_glb(self.face, _named(self.target, ".glb"), texture_rgb=texture_rgb)

    def _npz(self) -> None:
        from lineament.export import export_npz

        export_npz(self.face, _named(self.target, ".npz"))

    def _texture_files(self) -> None:
        from lineament.export import export_texture

        if self.texture is not None:
            write = partial(export_texture, self.texture)
            write(_named(self.target, "_texture.png"))
            write(_named(self.target, "_texture_seen.png"), hidden="marked")

    def _frontal(self) -> None:
        from lineament.export import frontal_view
        from lineament.export.files import png_bytes, write_bytes

        for face in _morphable([self.face]):
            if self.texture is not None:
                view = frontal_view(face, self.texture)
                write_bytes(_named(self.target, "_frontal.png"), png_bytes(view))


def _named(target: Path, ending: str) -> Path:
    """`target` with an ending; its own dots stay."""
    return target.with_name(target.name + ending)


def _morphable(faces: Sequence[FaceResult]) -> list[MorphableResult]:
    """Those faces that belong to a face model."""
    from lineament.result import MorphableResult

    return [face for face in faces if isinstance(face, MorphableResult)]
