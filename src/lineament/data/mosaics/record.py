"""What mosaics on disk were made of, said by the folder itself: weights trained on them say it too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lineament.errors import DataError
from lineament.files import whole_file
from lineament.foreign import foreign

ABOUT = "about.json"
"""File of a folder of mosaics that says what they were made of."""
NOT_RECORDED = {
    "trained_on": "mosaics that come without a record of what they were made of",
    "licence": "Apache-2.0 for the file; of the training data: not stated",
}
SHARED_SETS = "YouTube Faces frames, LFW and web expressions, portraits of the US Congress (public domain)"
SHARED_LICENCE = "Apache-2.0 (the weights were trained on photographs for research use, see trained_on)"


def about_shared(*, views: bool) -> dict[str, str]:
    """What mosaics of the shared folder's photographs were made of.

    Args:
        views: whether views of the same people turned by synthesis are among them.
    """
    rotated = ", views of the same turned by synthesis" if views else ""
    return {
        "trained_on": f"composites of {SHARED_SETS}{rotated}, backgrounds of BSDS500",
        "licence": SHARED_LICENCE,
    }


def about_mosaics(folder: Path) -> dict[str, str]:
    """What weights trained on a folder say of it, "trained_on" and "licence": its own record, nothing else.

    Raises:
        DataError: the record cannot be read.
    """
    path = folder / ABOUT
    if not path.exists():
        return dict(NOT_RECORDED)
    advice = (
        "It is JSON with trained_on and licence; without the file the weights say that nothing was recorded."
    )
    with foreign(DataError, f"{path} does not say what the mosaics were made of", advice):
        record = json.loads(path.read_text(encoding="utf-8"))
        return {key: str(record[key]) for key in NOT_RECORDED}


def record_about(folder: Path, about: Mapping[str, str]) -> None:
    """Say in a folder what mosaics there were made of, beside what was said of earlier ones.

    Args:
        folder: of mosaics.
        about: "trained_on" and "licence".

    Raises:
        DataError: the folder's record cannot be read.
    """
    has_record = (folder / ABOUT).exists()
    known = about_mosaics(folder) if has_record or any(folder.glob("*.npy")) else dict.fromkeys(about, "")
    both = {key: [known[key], about[key]] if about[key] not in known[key] else [known[key]] for key in known}
    record = {key: "; ".join(part for part in parts if part) for key, parts in both.items()}
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / ABOUT) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
