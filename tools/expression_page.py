"""The page of expressions in the docs: what each key is worth, by the report of its weights.

lineament eval expressions --data ../shared/photos --weights default --out REPORT
python -m tools.expression_page --report REPORT/default.json --out docs/expressions.md

Also draws ``docs/images/expressions.jpg``, one rendered head a key, raised alone.
"""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lineament.bundle import Bundle
from lineament.data.render.identities import Identities
from lineament.data.render.renderer import FaceRenderer
from lineament.data.render.scene import RenderConfig, random_scene
from lineament.evaluate.expressions.pictures import COMPANIONS, RaisedFaces
from lineament.evaluate.expressions.round_trip import CROSS_TALK, OTHER_SIDE, RAISED
from lineament.models.builtin import load_builtin
from lineament.models.texture import load_texture_model

Array = NDArray[Any]

COLUMNS, TILE, LINE = 9, 132, 16
SEED = 11
WIDTH = 120
INTRO = (
    "What the weights `{weights}` give for ARKit's keys, measured on {pictures} pictures of {faces} "
    "rendered faces that were not trained on, yaw within 40 degrees, each with one key raised to 1 and "
    "all others at 0; on neutral portraits of people kept from training; and on expressive photographs. "
    "A key **passes** if it reads at least {raised}, its other side at most {other} and every other key "
    "at most {cross}, all in the median. {passed} of {keys} do. Keys that do not are **not measured**: "
    "move a character by them with care. Those that are reported as 0 for that reason are marked 0. "
    "`browInnerUp` and `cheekPuff` are listed by side; ARKit's names merge both ([json.md](json.md)). "
    "`tongueOut` is always 0.\n\n"
    "A key is read from all weights that the network gives, by a table that goes with the weights "
    "(`python -m tools.calibrate_expressions`): a network that is not sure gives a little of every key that "
    "it might be, and the table takes that off. It was measured on other rendered faces, raised alone and in "
    "combinations, and on neutral portraits of people who are for training."
)
BELOW = (
    "`mouthClose` is raised over an open jaw, for nothing else shows it; eyes that blink are just shut. "
    "In brackets behind what a raised key reads: the 10th percentile of the faces. On photographs: 1st "
    "to 99th percentile. Made by `lineament eval expressions --data ../shared/photos --weights NAME "
    "--out REPORT` and `python -m tools.expression_page --report REPORT/NAME.json --out "
    "docs/expressions.md`."
)
FIGURES = {
    "keys_passed": "keys that pass",
    "rest_share": "neutral portraits whose largest key is at most 0.25",
    "blink_shut": "`eyeBlink` of shut eyes, median",
    "blink_open": "`eyeBlink` of open eyes, median",
    "lips_correlation": "correlation of the lips' gap with points",
    "first_four": "variance held by the first four components of expressive photographs",
    "gaze_correlation": "correlation of the eyes' turn with the irises' offset",
    "gaze_yaw_correlation": "correlation of the eyes' turn with the head's yaw",
}
AT_MOST = ("blink_open", "first_four", "gaze_yaw_correlation")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", type=Path, required=True, help="JSON of lineament eval expressions")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--no-picture", action="store_true", help="keep the picture that is there")
    given = parser.parse_args()
    report = json.loads(given.report.read_text(encoding="utf-8"))
    scales = Bundle.open(report["weights"]).manifest.expression_keys
    unmeasured = {name for name, scale in scales.items() if not scale.measured}
    given.out.write_text(page_of(report, unmeasured), encoding="utf-8")
    if not given.no_picture:
        sheet(load_builtin()).save(given.out.parent / "images" / "expressions.jpg", quality=85)


def page_of(report: dict[str, Any], unmeasured: set[str]) -> str:
    """The page, in Markdown.

    Args:
        report: as ``lineament eval expressions`` writes it.
        unmeasured: names that the weights report as 0.
    """
    passed = set(report["passed"])
    intro = INTRO.format(weights=Path(report["weights"]).stem, passed=len(passed), **report_sizes(report))
    lines = [
        "# Expressions, key by key",
        "",
        "<!-- made by tools/expression_page.py; do not edit -->",
        "",
        "\n\n".join(textwrap.fill(part, WIDTH) for part in intro.split("\n\n")),
        "",
        "![Rendered heads with one key raised on each](images/expressions.jpg)",
        "",
        "| figure | measured | aim |",
        "|---|---|---|",
        *_figures(report, passed),
        "",
        "| key | raised it reads | at rest | its other side | greatest other key | on photographs | |",
        "|---|---|---|---|---|---|---|",
        *(_row(key, report["photographs"], passed, unmeasured) for key in report["keys"]),
        "",
        textwrap.fill(BELOW, WIDTH),
    ]
    return "\n".join(lines) + "\n"


def report_sizes(report: dict[str, Any]) -> dict[str, Any]:
    """How much was measured, and the limits of passing."""
    sizes = {"pictures": report["pictures"], "faces": report["faces"], "keys": len(report["keys"])}
    return sizes | {"raised": RAISED, "other": OTHER_SIDE, "cross": CROSS_TALK}


def _figures(report: dict[str, Any], passed: set[str]) -> list[str]:
    values = {"keys_passed": len(passed), **(report["photographs"] or {})}
    rows = []
    for name, text in FIGURES.items():
        if values.get(name) is None:
            continue
        aim = f"{'at most' if name in AT_MOST else 'at least'} {report['asked'][name]:g}"
        value = f"{values[name]}" if name == "keys_passed" else f"{values[name]:.2f}"
        rows.append(f"| {text} | {value} | {aim} |")
    return rows


def _row(
    key: dict[str, Any], photographs: dict[str, Any] | None, passed: set[str], unmeasured: set[str]
) -> str:
    name = key["name"]
    spread = "" if photographs is None else "{0:.2f} to {2:.2f}".format(*photographs["ranges"][name])
    other = "" if not key["other_side"] else _number(key["other"])
    state = "0" if name in unmeasured else "passes" if name in passed else "not measured"
    raised, rest, cross = (_number(key[part]) for part in ("raised", "at_rest", "cross"))
    return (
        f"| `{name}` | {raised} ({_number(key['low'])}) | {rest} | {other} | {cross} `{key['cross_key']}` "
        f"| {spread} | {state} |"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def sheet(model: Any) -> Image.Image:  # noqa: ANN401 - a face model
    """One head a key under its name."""
    rng = np.random.default_rng(SEED)
    size = 2 * TILE
    config = RenderConfig(
        size=size,
        face=(0.56, 0.561),
        off_centre=0.0,
        max_yaw=0.0,
        pitch_std=0.0,
        roll_std=0.0,
        identities=Identities(np.zeros(100, np.float32), np.eye(100, dtype=np.float32)),
        identity_std=0.0,
        beard_probability=0.0,
    )
    plain = [np.full((size, size, 3), 225, np.uint8)]
    raised = RaisedFaces(FaceRenderer(model, load_texture_model(), plain, config))
    scene = random_scene(model, raised.renderer.texture, plain, config, rng)
    names = ["", *model.expression_names]
    rows = -(-len(names) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * TILE, rows * (TILE + LINE)), (255, 255, 255))
    draw = ImageDraw.Draw(page)
    for number, name in enumerate(names):
        x, y = number % COLUMNS * TILE, number // COLUMNS * (TILE + LINE)
        picture = Image.fromarray(raised(scene, name or None).view.image)
        box = (0.14 * size, 0.14 * size, 0.86 * size, 0.86 * size)
        page.paste(picture.resize((TILE, TILE), Image.Resampling.LANCZOS, box), (x, y))
        text = "at rest" if not name else name + " *" * (name in COMPANIONS)
        draw.text((x + TILE / 2, y + TILE + LINE / 2), text, fill=(20, 20, 20), anchor="mm")
    return page


if __name__ == "__main__":
    main()
