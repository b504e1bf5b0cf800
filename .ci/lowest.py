"""The main jobs with the lowest versions that pyproject.toml allows: a bound that lies stops it.

    python .ci/lowest.py

Packages are installed in .venv-lowest, which is kept until a bound changes.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
VENV = ROOT / ".venv-lowest"
EXTRAS = ("data", "heif", "models", "parquet", "video")  # those of training would bring gigabytes
PHOTOS = ROOT / "demo" / "photos"
FORMATS = "obj,glb,ply,npz,json,parquet,depth,pncc,texture,frontal"
FILM = """
import sys
import numpy as np
from lineament.image import read_image
from lineament.video import VideoWriter
picture = read_image(sys.argv[1])[:480, :480]
with VideoWriter(sys.argv[2], rate=12) as film:
    for number in range(6):
        film.write(number / 12, np.roll(picture, number, axis=1))
"""
HEIC = """
import sys
import pillow_heif
from PIL import Image
pillow_heif.from_pillow(Image.open(sys.argv[1]).convert("RGB")).save(sys.argv[2], quality=90)
"""
RECIPE = "backgrounds = 'photos'\n[rendered]\ncount = 1\nsize = 64\n[occluded]\nprobability = 0\n"
MODELS = """
import sys
from pathlib import Path
import h5py
import numpy as np
from scipy.io import savemat
from lineament.models.matlab import read_hdf5, read_mat
folder = Path(sys.argv[1])
savemat(folder / "a.mat", {"x": np.arange(3.0)})
assert read_mat(folder / "a.mat")["x"].ravel().tolist() == [0, 1, 2]
with h5py.File(folder / "a.h5", "w") as file:
    file["x"] = np.arange(3.0)
assert read_hdf5(folder / "a.h5")["x"].tolist() == [0, 1, 2]
"""


def lowest() -> list[str]:
    """The lowest version of each dependency, as pip takes it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    for extra in EXTRAS:
        wanted += project["optional-dependencies"][extra]
    bounds = dict(re.fullmatch(r"([\w-]+)>=([\w.]+)", line).groups() for line in wanted)  # type: ignore[union-attr]
    return [f"{name}=={version}" for name, version in sorted(bounds.items())]


def install(packages: list[str]) -> Path:
    """The interpreter that has them."""
    python, note = VENV / "bin" / "python", VENV / "lowest.json"
    if not note.is_file() or json.loads(note.read_text()) != packages:
        shutil.rmtree(VENV, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", VENV], check=True)
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "--disable-pip-version-check"]
        subprocess.run([*pip, "--quiet", "--no-compile", "--only-binary=:all:", *packages], check=True)
        note.write_text(json.dumps(packages))
    return python


def main() -> None:
    """Install, and run photographs, a film, models, a set of samples and every command's help."""
    began, packages = time.monotonic(), lowest()
    python = install(packages)
    command = [python, "-c", "from lineament.cli.main import main; main()"]

    def run(*words: object, program: list[object] = command) -> None:
        done = subprocess.run(
            [*program, *words], env={"PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True
        )
        if done.returncode:
            said = f"{' '.join(map(str, words))[:300]}\n{done.stdout}{done.stderr}"
            sys.exit(f"{said}\nwith {', '.join(packages)}")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run("info")
        for words in ([], ["align"], ["data", "build"]):
            run(*words, "--help")
        run("align", PHOTOS, "-w", "fast", "-f", FORMATS, "-o", folder / "photos")
        run(HEIC, next(PHOTOS.glob("astronaut.*")), folder / "phone.heic", program=[python, "-c"])
        run("align", folder / "phone.heic", "-w", "fast", "-o", folder / "photos")
        for name in ("phone", *(photo.stem for photo in PHOTOS.glob("*.jpg"))):
            faces = json.loads((folder / "photos" / f"{name}.json").read_text())["faces"]
            if len(faces) != 1:
                sys.exit(f"{name}: {len(faces)} faces with {', '.join(packages)}")
        (folder / "tiny.toml").write_text(RECIPE)
        run("data", "build", "-r", folder / "tiny.toml", "--processes", "1", "-o", folder / "samples")
        run("data", "verify", folder / "samples")
        run(FILM, next(PHOTOS.glob("astronaut.*")), folder / "film.webm", program=[python, "-c"])
        run("video", folder / "film.webm", "-w", "fast", "-f", "film,parquet", "-o", folder / "film")
        run(MODELS, folder, program=[python, "-c"])
    sys.stdout.write(f"lowest versions work ({time.monotonic() - began:.0f} s): {', '.join(packages)}\n")


if __name__ == "__main__":
    main()
