"""What a whole run of `lineament align` takes for a large photo."""

import subprocess
import sys
from pathlib import Path

from PIL import Image

PHOTO = Path(__file__).parents[2] / "demo" / "photos" / "astronaut.jpg"
SIDE = 6000  # px
BYTES_A_PIXEL = 5.5  # Pillow's picture takes four; an array beside it would make seven, a copy ten
PROGRAM = """
import resource, sys
from lineament.cli.main import main
try:
    main()
finally:
    sys.stderr.write(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}")
"""


def peak_bytes(photo, out):
    words = [
        sys.executable,
        "-c",
        PROGRAM,
        "align",
        str(photo),
        "-w",
        "fast",
        "--threads",
        "1",
        "-f",
        "json,ply,glb",  # which have the photo's colours
        "-o",
        str(out),
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "face 0" in done.stdout
    return 1024 * int(done.stderr.rpartition("peak ")[2])


def test_a_large_photo_is_there_once_while_it_is_aligned_its_colours_are_taken_and_it_is_drawn_on(tmp_path):
    face = Image.open(PHOTO).convert("RGB")
    face.save(tmp_path / "small.jpg")
    large = Image.new("RGB", (SIDE, SIDE), (150, 160, 170))
    large.paste(face.resize((2000, 2000)), (1000, 1000))
    large.save(tmp_path / "large.jpg")
    more = peak_bytes(tmp_path / "large.jpg", tmp_path / "a") - peak_bytes(
        tmp_path / "small.jpg", tmp_path / "b"
    )
    assert more < BYTES_A_PIXEL * SIDE**2
