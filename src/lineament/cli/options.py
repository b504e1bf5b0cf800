"""Options that several commands have."""

from __future__ import annotations

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
