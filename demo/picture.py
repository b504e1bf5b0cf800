"""The picture of the README: photographs beside their overlays. Run by `make picture`."""

import sys
from pathlib import Path

import numpy as np

import lineament as la

HEIGHT = 512


def main(results: Path, target: Path) -> None:
    """Put each demo photograph and its overlay from `results` side by side into `target`."""
    from PIL import Image

    tiles = []
    for photo in sorted((Path(__file__).parent / "photos").glob("*.jpg")):
        for path in (photo, results / f"{photo.stem}_overlay.png"):
            picture = Image.fromarray(la.read_image(path))
            width = round(picture.width * HEIGHT / picture.height)
            tiles.append(np.asarray(picture.resize((width, HEIGHT), Image.Resampling.LANCZOS)))
    target.parent.mkdir(parents=True, exist_ok=True)
    la.write_image(target, np.hstack(tiles))
    print(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
