"""The cluster file that people start from is one that Ray's launcher takes, with its reports off."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

import shared
from shared import ROOT


@pytest.fixture(scope="module")
def cluster():
    shared.package("ray", extra="batch")
    import yaml

    return yaml.safe_load((ROOT / "demo" / "cluster.yaml").read_text())


def test_the_launcher_takes_it(cluster):
    import jsonschema

    (ray,) = find_spec("ray").submodule_search_locations
    schema = json.loads((Path(ray) / "autoscaler" / "ray-schema.json").read_text())
    jsonschema.validate(cluster, schema)


def test_it_has_ten_machines_with_the_ray_that_is_tested(cluster):
    types = cluster["available_node_types"]
    assert types["worker"]["min_workers"] == types["worker"]["max_workers"] == cluster["max_workers"] == 9
    pinned = next(
        line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("ray==")
    )
    assert f"rayproject/ray:{pinned[5:]}-" in cluster["docker"]["image"]
    assert any("[batch]" in command for command in cluster["setup_commands"])


def test_every_start_of_ray_has_its_reports_off(cluster):
    commands = cluster["head_start_ray_commands"] + cluster["worker_start_ray_commands"]
    starts = [command for command in commands if "ray start" in command]
    assert len(starts) == 2
    assert all("RAY_USAGE_STATS_ENABLED=0 ray start" in command for command in starts)
