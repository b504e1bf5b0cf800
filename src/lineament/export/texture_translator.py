"""The learned completion: a network's correction of the texture that the face's other side completed.

Image-to-UV translation with a fixed template (Wu et al. 2021, "Synergy between 3DMM and 3D landmarks",
supplement G). It works at a fixed, small size; what is finer is the other side's.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lineament.bundle import Bundle
from lineament.errors import ExportError, WeightsError
from lineament.export.texture_completion import enlarged, from_other_side, resized
from lineament.geometry.face_mesh import FaceMesh
from lineament.network import OnnxNetwork

Array = NDArray[np.floating]

METHOD = "uv-gan"
"""What such weights call themselves."""
CHANNELS = 5  # of the network's input


@dataclass(frozen=True, slots=True)
class Translator:
    """A network from partly seen textures to whole ones.

    Attributes:
        network: takes "texture" (n, S, S, 5) uint8 as :func:`network_input` makes it, gives "completed"
            (n, S, S, 3) float32, 0 to 255.
        size: S.
        mesh_name: of the mesh whose chart it knows.
    """

    network: OnnxNetwork
    size: int
    mesh_name: str

    @classmethod
    def open(cls, weights: str | os.PathLike[str], *, threads: int | None = None) -> Self:
        """Of a file that ``lineament export`` wrote of a run of ``lineament train uv-gan``.

        Raises:
            WeightsError: there is no such file, or it is of another method.
        """
        bundle = Bundle.open(weights)
        manifest = bundle.manifest
        if manifest.method != METHOD or manifest.face_model is None:
            raise WeightsError(
                f"{bundle.path} holds weights of {manifest.method!r}, which complete no textures: name a "
                f"file that `lineament export` wrote of a run of `lineament train uv-gan`."
            )
        network = bundle.network(threads=threads)
        shape = network.input_shapes.get("texture", ())
        size = shape[1] if len(shape) == 4 and shape[3] == CHANNELS else None
        if size is None:
            raise WeightsError(
                f"The network of {bundle.path} takes {network.input_shapes}, not textures of {CHANNELS} "
                f"channels: it is of another version. Export its run again."
            )
        return cls(network, size, manifest.face_model.name)

    def check(self, mesh: FaceMesh) -> None:
        """Refuse another mesh than that of the weights.

        Raises:
            ExportError: it is one.
        """
        if mesh.name != self.mesh_name:
            raise ExportError(
                f"These weights complete textures of the mesh {self.mesh_name!r}; the face has "
                f"{mesh.name!r}: complete its textures by the other side (mirror)."
            )

    def __call__(self, colors: Array, trust: Array, *, mirrored: bool) -> Array:
        """The whole texture of what is seen of it; see :class:`Completion`."""
        small, weight = resized(colors, trust, self.size)
        given = network_input(small, weight, mirrored=mirrored)
        completed = self.network(texture=given[None])["completed"][0]
        first = from_other_side(colors, trust, mirrored=mirrored)
        change = enlarged(completed - given[..., :3], len(colors))
        return first + (1 - trust[..., None]) * change


def network_input(colors: Array, trust: Array, *, mirrored: bool) -> NDArray[np.uint8]:
    """What the network sees of a texture of its size.

    Args:
        colors: (S, S, 3) float, 0 to 255.
        trust: (S, S) in 0..1.
        mirrored: whether the chart's halves mirror each other.

    Returns:
        (S, S, 5) uint8: the colours completed by the other side, the trust and the other side's, 0 to 255.
    """
    first = from_other_side(colors, trust, mirrored=mirrored)
    other = trust[:, ::-1] if mirrored else np.zeros_like(trust)
    channels = np.concatenate([first, 255 * trust[..., None], 255 * other[..., None]], axis=-1)
    return np.rint(np.clip(channels, 0, 255)).astype(np.uint8)
