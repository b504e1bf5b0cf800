import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

import shared
from lineament.view import write_folder

FLOW = Path(__file__).parent / "flow.mjs"


@pytest.fixture(scope="session")
def page_folder(tmp_path_factory):
    """The page with all it needs."""
    return write_folder(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="session")
def page_of_open(tmp_path_factory):
    """The page that begins with the weights "open"."""
    return write_folder(tmp_path_factory.mktemp("open"), weights="open")


@pytest.fixture(scope="session")
def node(page_folder):
    """node(task, ...) -> the answer of `flow.mjs`; `folder` names another page than the plain one."""
    executable = shared.node()

    def run(task, *, folder=page_folder, **job):
        done = subprocess.run(
            [executable, str(FLOW), str(folder)],
            input=json.dumps({"task": task, **job}),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def raw(tmp_path):
    """raw(photo) -> what `flow.mjs` reads a picture from."""

    def write(photo):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.rgb"
        path.write_bytes(np.ascontiguousarray(photo).tobytes())
        return {"file": str(path), "width": photo.shape[1], "height": photo.shape[0]}

    return write
