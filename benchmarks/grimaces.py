"""To which side is the mouth pulled? ``python -m benchmarks.grimaces [--weights default]``.

Forty frames of ``../shared/clips/grimaces.mp4``, labelled by looking at them: in twenty the mouth is pulled
to the person's left, in twenty to the right; often the jaw goes along, and once with an O. Each frame is
aligned by itself. A side is right if its key, `mouthLeft` or `mouthRight`, is greater than the other one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import lineament as la
from lineament.data.photographs.collections import shared_folder
from lineament.video.opencv import open_capture

CLIP = "clips/grimaces.mp4"
APART = 0.3
"""Least difference of both keys that tells a side plainly."""
LEFT = (61, 62, 63, 74, 99, 100, 123, 124, 148, 149, 193, 194, 198, 199, 238, 239, 273, 278, 318, 319)
RIGHT = (24, 29, 84, 109, 144, 154, 184, 204, 209, 214, 224, 229, 237, 249, 254, 269, 284, 304, 309, 314)
"""Numbers of frames, from 0; left and right are the person's own."""


def main() -> None:
    """Print how often the side is right, and plainly so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="default", help="a name or a file")
    parser.add_argument("--clip", type=Path, help=f"the clip; ../shared/{CLIP} if left out")
    given = parser.parse_args()
    clip = given.clip or shared_folder() / CLIP
    print(summary(pulled(clip, given.weights)))


def pulled(clip: Path, weights: str) -> dict[int, float]:
    """For each labelled frame how much more the mouth is pulled to the labelled side than to the other.

    A frame without a face counts as 0, which is wrong.
    """
    aligner = la.FaceAligner.from_pretrained(weights)
    capture, found, number = open_capture(str(clip)), {}, -1
    try:
        while len(found) < len(LEFT) + len(RIGHT):
            number += 1
            shown, picture = capture.read()
            if not shown:
                break
            sign = (number in LEFT) - (number in RIGHT)
            if sign:
                faces = aligner(picture[..., ::-1].copy())
                face = faces[0] if faces else None
                keys = face.blendshapes if isinstance(face, la.MorphableResult) else {}
                found[number] = sign * (keys.get("mouthLeft", 0.0) - keys.get("mouthRight", 0.0))
    finally:
        capture.release()
    return found


def summary(found: dict[int, float]) -> str:
    """What is right, in a line, and what is not."""
    right = sum(value > 0 for value in found.values())
    plain = sum(value >= APART for value in found.values())
    wrong = ", ".join(f"{number} ({value:+.2f})" for number, value in found.items() if value < APART)
    return (
        f"side right on {right} of {len(found)} frames, by at least {APART} on {plain}\n"
        f"the others, difference towards the label: {wrong or 'none'}"
    )


if __name__ == "__main__":
    main()
