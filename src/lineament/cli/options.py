"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeAlias

import typer

ExpressionTargets: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Names of expressions: arkit, its 52; or all, the face model's own with both sides of "
        "browInnerUp and cheekPuff."
    ),
]
"""Of `--targets`."""

Photos: TypeAlias = Annotated[
    list[str],
    typer.Argument(metavar="PHOTO", help="Photographs, folders of them, or patterns such as 'album/*.jpg'."),
]
Recursive: TypeAlias = Annotated[
    bool, typer.Option("--recursive", "-r", help="Take the photos of folders in folders too.")
]
Weights: TypeAlias = Annotated[
    str,
    typer.Option(
        "--weights",
        "-w",
        "--method",
        help='"default", "fast", "open", another name of `lineament info`, or a file.',
    ),
]
Passes: TypeAlias = Annotated[int, typer.Option(min=1, max=5, help="Times each face is cropped and aligned.")]
Device: TypeAlias = Annotated[
    str, typer.Option(help="Where networks run: cpu, cuda (needs onnxruntime-gpu), or auto.")
]
MinFace: TypeAlias = Annotated[
    float | None,
    typer.Option(min=8, max=4096, help="Smallest faces to find, px; by the photo's size when left out."),
]
MinScore: TypeAlias = Annotated[
    float | None, typer.Option(help="Leave out faces that the detector scores lower, 0 to 1.")
]
MaxUncertainty: TypeAlias = Annotated[
    float | None, typer.Option(help="Leave out faces that are less certain, mm.")
]
Landmarks: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Where the 68 landmarks lie: ibug-68, where people set them; 300w-lp, as 300W-LP and "
        "AFLW2000-3D label them; lfm-68, as they lie on the mesh."
    ),
]
OverlayFormat: TypeAlias = Annotated[
    str, typer.Option(help="Of the picture: png, jpg, webp; or auto, JPEG above a megapixel.")
]

ALL = "all"


def named_weights(methods: str | None, weights: Sequence[str]) -> list[str]:
    """Names and files of weights, each once, in the order of what is made of them.

    Args:
        methods: "all", or None.
        weights: as they were given; without any, and without `methods`, all are taken.

    Raises:
        ConfigError: another word than "all".
        WeightsError: lineament's own list of weights is damaged.
    """
    from lineament.errors import ConfigError
    from lineament.methods import METHODS
    from lineament.weights import installed

    if methods not in (None, ALL):
        raise ConfigError(
            f'--methods is "{ALL}", found {methods!r}. Single ones are named by --weights, which may be '
            f"given several times."
        )
    every: list[str] = []
    if methods == ALL or not weights:
        for package in installed():
            names = {name: alias for alias, name in package.aliases.items()}
            every += [
                names.get(entry.name, entry.name)
                for entry in package.entries.values()
                if entry.method in METHODS and entry.path.is_file()
            ]
    return list(dict.fromkeys([*every, *weights]))
