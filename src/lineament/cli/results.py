"""What `lineament align` writes of a photo: which files, under which names."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lineament.cli.completing import Completing
from lineament.cli.overlay_file import OverlayStyle
from lineament.cli.whole_results import ResultPlaces
from lineament.paths import with_ending

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from lineament.export import FaceTexture, FaceTexturer
    from lineament.export.texture_completion import Completion
    from lineament.expression_keys import TargetNames
    from lineament.result import FaceResult

TEXTURE_SIZE = 1024  # texels along a side, at most
SMALLER_TEXTURES = 256, 512
TEXELS_A_PX = 1.5  # the chart is as wide as half a head around; a face in a photo is its projection
MESH_FORMATS = ("obj", "ply", "glb", "npz")
_MESHES_OF_JSON = ("obj", "glb", "ply")  # the first of these that is written is named there
MAP_FORMATS = ("depth", "pncc", "normals", "parts")
PICTURE_FORMATS = ("texture", "frontal")
ALBEDO_FORMATS = ("glb", "texture")  # which --texture albedo concerns
TABLE_FORMATS = ("parquet", "csv")
FORMATS = (*MESH_FORMATS, "json", *TABLE_FORMATS, *MAP_FORMATS, *PICTURE_FORMATS)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a photo's results.

    Attributes:
        files: endings of the names of the files.
        impossible: a line for each file that was asked for and cannot be made, with the reason.
    """

    files: tuple[str, ...]
    impossible: tuple[str, ...]


@dataclass(frozen=True)
class ResultWriter:
    """Writes the results of photos in the formats asked for.

    Attributes:
        formats: names of :data:`FORMATS`; tables are not written here.
        layers: of the overlay; none writes none.
        overlay: its format and size.
        targets: names of expressions.
        texture_size: texels along a side; None for what each face needs.
        complete: what hidden parts of textures become.
        texture: of :data:`lineament.cli.choices.TEXTURES`: the colours of GLB's skin and of texture files.
        texturers: by mesh and size, made when first needed.
    """

    formats: tuple[str, ...]
    layers: tuple[str, ...]
    overlay: OverlayStyle = OverlayStyle()
    targets: TargetNames = "arkit"
    texture_size: int | None = None
    complete: Completing = Completing()
    texture: str = "photo"
    texturers: dict[str, FaceTexturer] = field(default_factory=dict)

    def identity(self) -> dict[str, Any]:
        """What its files depend on, as JSON knows it."""
        return {
            "formats": sorted(set(self.formats) - set(TABLE_FORMATS)),
            "layers": self.layers,
            "overlay": [self.overlay.kind, self.overlay.longer_px],
            "targets": self.targets,
            "texture": [self.texture_size, {"photo": True, "none": False}.get(self.texture, self.texture)],
            "complete": [self.complete.kind, self.complete.sha256],
        }

    @cached_property
    def completion(self) -> Completion:
        """What completes textures, opened when first needed."""
        return self.complete.open()

    def write(
        self,
        photo: Image.Image,
        faces: Sequence[FaceResult],
        target: Path,
        places: ResultPlaces,
        *,
        source: Path,
    ) -> Written:
        """Write everything of one photo but its rows of a table, under names that begin with `target`.

        The overlay is drawn on the photo itself.

        All of it or nothing; what a former run left under these names goes.

        Raises:
            LineamentError: a file cannot be written.
        """
        if not self.layers and not set(self.formats) - set(TABLE_FORMATS):
            return Written((), ())
        with places.whole(target) as temporary:
            impossible = self._write(photo, faces, temporary, source=source)
            names = sorted(os.listdir(temporary.parent))
        return Written(tuple(name[len(target.name) :] for name in names), tuple(impossible))

    def _write(
        self, photo: Image.Image, faces: Sequence[FaceResult], target: Path, *, source: Path
    ) -> list[str]:
        from lineament.cli.overlay_file import write_overlay
        from lineament.export import export_json

        impossible, size_hw = [], (photo.height, photo.width)
        for number, face in enumerate(faces):
            reasons = _FaceFiles(self, photo, face, with_ending(target, f"_face{number}")).write()
            impossible += [f"face {number}: {reason}" for reason in reasons]
        if set(MAP_FORMATS) & set(self.formats):
            self._write_maps(faces, size_hw, target)
        if "json" in self.formats:
            meshes = [
                self._mesh_name(face, f"{target.name}_face{number}") for number, face in enumerate(faces)
            ]
            path = with_ending(target, ".json")
            about = {"photo": source.name, "source": str(source)}
            export_json(faces, path, **about, size_hw=size_hw, meshes=meshes, targets=self.targets)
        if self.layers:  # last, for it changes the photo
            write_overlay(photo, faces, target, layers=self.layers, style=self.overlay)
        return impossible

    def _mesh_name(self, face: FaceResult, stem: str) -> str | None:
        """The mesh file that JSON names for a face; None where none is written."""
        made = (
            name
            for name in _MESHES_OF_JSON
            if name in self.formats and not why_impossible(name, face, self.texture)
        )
        return next((f"{stem}.{name}" for name in made), None)

    def _write_maps(self, faces: Sequence[FaceResult], size_hw: tuple[int, int], target: Path) -> None:
        from lineament.export.map_files import write_maps

        chosen = [name for name in MAP_FORMATS if name in self.formats]
        paths = {name: with_ending(target, f"_{name}.png") for name in chosen}
        if "depth" in chosen:
            paths["depth_mm"] = with_ending(target, "_depth.npz")
        write_maps(faces, size_hw, paths)


@dataclass(frozen=True)
class _FaceFiles:
    """The files of one face; its texture is made once, and only if a format needs it."""

    writer: ResultWriter
    photo: Image.Image
    face: FaceResult
    target: Path

    def write(self) -> list[str]:
        """Write each format that has a file a face, and say what cannot be made."""
        writers: dict[str, Callable[[], None]] = {
            "obj": self._obj,
            "ply": self._ply,
            "glb": self._glb,
            "npz": self._npz,
            "texture": self._texture_files,
            "frontal": self._frontal,
        }
        impossible = []
        for name in (name for name in self.writer.formats if name in writers):
            reason = why_impossible(name, self.face, self.writer.texture)
            if reason is None:
                writers[name]()
            else:
                impossible.append(f"no {name}, {reason}")
        return impossible

    @cached_property
    def texture(self) -> FaceTexture | None:
        """The face's colours on its mesh's chart; None where there is no chart."""
        from lineament.export import FaceTexturer

        if self.face.mesh.uv is None:
            return None
        made, size = self.writer.texturers, self.writer.texture_size or texture_size_for(self.face)
        key = f"{self.face.mesh.name} {size}"
        if key not in made:
            made[key] = FaceTexturer(self.face.mesh, size=size, complete=self.writer.completion)
        return made[key](self.photo, self.face)

    @cached_property
    def skin_rgb(self) -> NDArray[np.uint8] | None:
        """(S, S, 3) what meshes are covered with: the photo's colours, or the face's own."""
        from lineament.export import albedo_texture

        if self.writer.texture == "albedo":
            return albedo_texture(self.face, size=self.writer.texture_size)
        return None if self.texture is None else self.texture.colors_rgb

    def _obj(self) -> None:
        from lineament.export import export_obj

        with_texture = "texture" in self.writer.formats and not why_impossible(
            "texture", self.face, self.writer.texture
        )
        texture_rgb = self.skin_rgb if with_texture else None
        export_obj(self.face, with_ending(self.target, ".obj"), texture_rgb=texture_rgb)

    def _ply(self) -> None:
        from lineament.export import export_ply
        from lineament.export.ply import vertex_colors

        colors_rgb = vertex_colors(self.face, self.photo)
        export_ply(self.face, with_ending(self.target, ".ply"), colors_rgb=colors_rgb)

    def _glb(self) -> None:
        from lineament.export import export_glb

        texture_rgb = None if self.writer.texture == "none" else self.skin_rgb
        path = with_ending(self.target, ".glb")
        export_glb(self.face, path, texture_rgb=texture_rgb, targets=self.writer.targets)

    def _npz(self) -> None:
        from lineament.export import export_npz

        export_npz(self.face, with_ending(self.target, ".npz"))

    def _texture_files(self) -> None:
        from lineament.export import export_texture
        from lineament.export.files import png_bytes, write_bytes

        path = with_ending(self.target, "_texture.png")
        if self.writer.texture == "albedo":
            assert self.skin_rgb is not None
            write_bytes(path, png_bytes(self.skin_rgb))
            return
        assert self.texture is not None  # or why_impossible had a reason
        export_texture(self.texture, path)
        export_texture(self.texture, with_ending(self.target, "_texture_seen.png"), hidden="marked")

    def _frontal(self) -> None:
        from lineament.export import frontal_view
        from lineament.export.files import png_bytes, write_bytes

        assert self.texture is not None
        view = frontal_view(self.face, self.texture)
        write_bytes(with_ending(self.target, "_frontal.png"), png_bytes(view))


def texture_size_for(face: FaceResult) -> int:
    """Texels along a side that hold what a photo shows of a face: 256, 512 or :data:`TEXTURE_SIZE`."""
    extent_px = float(np.ptp(face.vertices_image[:, :2], axis=0).max())
    enough = (size for size in SMALLER_TEXTURES if size >= TEXELS_A_PX * extent_px and size < TEXTURE_SIZE)
    return next(enough, TEXTURE_SIZE)


def why_impossible(name: str, face: FaceResult, texture: str = "photo") -> str | None:
    """Why a file of a format cannot be made of a face, in words; None where it can.

    Args:
        name: of :data:`FORMATS`.
        face: the result.
        texture: of :data:`lineament.cli.choices.TEXTURES`.
    """
    from lineament.export.albedo import knows_albedo
    from lineament.result import MorphableResult

    if not face.is_finite:
        return "the method failed on this box"
    if name == "glb" and not isinstance(face, MorphableResult):
        return "which needs coefficients of a face model: this method gives a mesh alone; obj and ply hold it"
    if name in PICTURE_FORMATS and face.mesh.uv is None:
        return f"which needs texture coordinates: the mesh {face.mesh.name!r} has none"
    if name in ALBEDO_FORMATS and texture == "albedo" and not knows_albedo(face):
        return "which needs the face's own colours: refine the face (--refine 30), or take --texture photo"
    return None
