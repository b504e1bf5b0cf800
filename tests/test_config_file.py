from dataclasses import dataclass, replace
from typing import Literal

import pytest

from lineament.config_file import read_config
from lineament.errors import ConfigError
from lineament.train.regressor.training import TrainConfig
from lineament.train.synergynet.training import PUBLISHED, SynergyTrainConfig


@dataclass(frozen=True, slots=True)
class Inner:
    rate: float = 0.1
    sizes: tuple[int, ...] = (1, 2)
    pair: tuple[float, str] = (1.0, "a")


@dataclass(frozen=True, slots=True)
class Outer:
    inner: Inner = Inner()
    name: str = "x"
    kind: Literal["a", "b"] = "a"
    limit: float | None = None
    on: bool = False


def read(tmp_path, text, *changes):
    path = tmp_path / "run.toml"
    path.write_text(text)
    return read_config(path, Outer, changes=changes)


def test_tables_become_dataclasses_and_what_is_left_out_keeps_its_default(tmp_path):
    text = 'kind = "b"\non = true\nlimit = 2\n[inner]\nsizes = [3, 4, 5]\npair = [2, "c"]\n'
    assert read(tmp_path, text) == Outer(
        Inner(sizes=(3, 4, 5), pair=(2.0, "c")), kind="b", limit=2.0, on=True
    )
    assert read(tmp_path, "") == Outer()


def test_changes_from_the_command_line_come_last(tmp_path):
    found = read(tmp_path, 'name = "y"\n', "inner.rate=0.5", "name=z", 'kind="b"')
    assert found == Outer(Inner(rate=0.5), name="z", kind="b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nmae = 'y'", r"run\.toml has a key 'nmae'.*Did you mean 'name'"),
        ("[inner]\nzzz = 1", r"run\.toml: inner has a key 'zzz'.*Known are pair, rate, sizes"),
        ("name = 3", "name must be str, found 3"),
        ("on = 1", "on must be bool, found 1"),
        ("kind = 'c'", "kind must be one of 'a', 'b', found 'c'"),
        ("inner = 3", "inner must be a table"),
        ("[inner]\nsizes = [1, true]", "sizes must be int, found True"),
        ("[inner]\npair = [1]", "pair must be a list of 2"),
        ("name = ", "no TOML file"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, text)


def test_a_missing_file_and_a_change_that_is_none_are_said(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(tmp_path / "none.toml", Outer)
    with pytest.raises(ConfigError, match="write KEY=VALUE"):
        read(tmp_path, "", "name")
    with pytest.raises(ConfigError, match="no table"):
        read(tmp_path, 'name = "y"', "name.more=1")


def test_all_of_a_real_run_can_be_written_in_a_file(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(
        "workers = 4\n[data]\nsamples = ['a', 'b']\nweights = [1, 0.5]\n[loop]\nsteps = 10\n"
        "[loop.optimiser]\nkind = 'sgd'\n[loop.schedule]\nshape = 'one-cycle'\n[network]\nstages = [8, 8]\n"
    )
    config = read_config(path, TrainConfig)
    assert config.data.weights == (1.0, 0.5)
    assert (config.loop.optimiser.kind, config.loop.schedule.shape) == ("sgd", "one-cycle")
    assert config.network.stages == (8, 8)


def test_a_part_of_a_preset_may_be_given_alone(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("[loop]\nsteps = 10\n")
    config = read_config(path, SynergyTrainConfig)
    assert config.loop == replace(PUBLISHED, steps=10)


@pytest.mark.parametrize("value", ["1" * 5000, "[" * 100_000, "2026-99-99", "\udcff", "\0"])
def test_whatever_is_no_value_of_toml_is_a_word_and_refused_as_one(tmp_path, value):
    with pytest.raises(ConfigError, match=r"inner: rate must be float, found"):
        read(tmp_path, "", f"inner.rate={value}")
