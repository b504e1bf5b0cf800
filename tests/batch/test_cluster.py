"""Ray on this machine: a whole run, a killed worker, a restart. Skipped where Ray is not installed."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

import shared
from lineament.batch import AlignerOptions
from lineament.batch.cluster import BatchConfig, plan_batch
from lineament.errors import ConfigError
from shared import ROOT

PHOTO = ROOT / "demo" / "photos" / "astronaut.jpg"
PHOTOS, A_PART = 40, 4
COMMAND = [sys.executable, "-c", "from lineament.cli.main import main; main()", "batch"]


@pytest.fixture
def album(tmp_path):
    folder = tmp_path / "album"
    folder.mkdir()
    face = Image.open(PHOTO).convert("RGB").resize((160, 160))
    for number in range(PHOTOS):
        face.rotate(number / 2).save(folder / f"{number:02}.png")
    (folder / "07.png").write_text("I am no photo")
    return folder


def config(album, out, **changes):
    options = AlignerOptions(weights="fast", threads=1)
    return BatchConfig(source=str(album), out=str(out), options=options, photos_a_part=A_PART, **changes)


def test_a_plan_leaves_out_what_is_there_and_refuses_another_jobs_folder(album, tmp_path):
    out = tmp_path / "out"
    plan = plan_batch(config(album, out))
    assert (plan.parts, len(plan.todo)) == (10, 10)
    (out / "part-000003.parquet").touch()
    assert [part.number for part in plan_batch(config(album, out)).todo] == [0, 1, 2, *range(4, 10)]
    assert len(plan_batch(config(album, out, anew=True)).todo) == 10
    (album / "new.png").write_bytes(PHOTO.read_bytes())
    with pytest.raises(ConfigError, match="another job"):
        plan_batch(config(album, out))
    assert json.loads((out / "_job.json").read_text())["parts"] == 10


def workers_of(process):
    """Process ids of Ray's actors that were started for us."""
    import psutil

    found = psutil.Process(process.pid).children(recursive=True)
    return [each.pid for each in found if "_MapWorker" in " ".join(each.cmdline())]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_actor_and_a_killed_run_lose_nothing(album, tmp_path):
    pytest.importorskip("ray", reason="ray is not installed: pip install 'lineament[batch]'")
    parquet = shared.package("pyarrow.parquet", extra="parquet")
    out = tmp_path / "out"
    words = [str(album), "-o", str(out), "-w", "fast", "--photos-a-part", str(A_PART), "--workers", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "RAY_USAGE_STATS_ENABLED": "1"}
    process = subprocess.Popen(
        [*COMMAND, *words], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    begun = time.monotonic()
    while len(list(out.glob("part-*"))) < 2 and time.monotonic() - begun < 300:
        time.sleep(0.05)
    victims = workers_of(process)
    assert victims
    os.kill(victims[0], signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 0, stderr
    assert f"{PHOTOS} photos" in stdout.splitlines()[-2]
    rows = parquet.read_table(out).to_pylist()
    assert sorted(row["photo"] for row in rows) == [f"{number:02}.png" for number in range(PHOTOS)]
    assert [row["photo"] for row in rows if row["error"] is not None] == ["07.png"]
    (out / "part-000004.parquet").unlink()
    done = subprocess.run([*COMMAND, *words], env=environment, text=True, capture_output=True)
    assert "10 parts, 1 to do" in done.stdout
    assert len(list(out.glob("part-*"))) == 10


def test_nothing_is_reported_whatever_the_user_has_set(monkeypatch):
    pytest.importorskip("ray", reason="ray is not installed: pip install 'lineament[batch]'")
    from ray._private.usage import usage_lib

    from lineament.batch.cluster import load_ray

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    load_ray()
    assert not usage_lib.usage_stats_enabled()


def test_without_ray_the_extra_is_named(monkeypatch):
    from lineament.batch.cluster import load_ray

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"lineament\[batch\]"):
        load_ray()
