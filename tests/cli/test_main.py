import re
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from lineament import __version__
from lineament.cli.main import app
from lineament.cli.training_wing import ABLATED, TRAINABLE
from shared import package


def test_the_version_is_printed():
    done = CliRunner().invoke(app, ["--version"])
    assert done.exit_code == 0
    assert done.stdout == f"lineament {__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["align", "--help"], ["info", "--help"]])
def test_help_is_given(arguments):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0
    assert "Usage" in done.stdout


def test_help_names_every_option_of_align():
    text = re.sub(
        r"\x1b\[[0-9;]*m", "", CliRunner().invoke(app, ["align", "--help"], env={"COLUMNS": "200"}).stdout
    )
    for option in ("--out", "--boxes", "--passes", "--threads", "--weights"):
        assert option in text


@pytest.mark.parametrize("arguments", [[], ["paint"], ["align", "--colour"]])
def test_what_is_no_command_is_a_usage_error(arguments):
    assert CliRunner().invoke(app, arguments).exit_code == 2


def commands_below(command, name=""):
    """All commands by their words, groups left out."""
    if not hasattr(command, "commands"):
        return {name: command}
    found = {}
    for word, child in command.commands.items():
        found |= commands_below(child, f"{name} {word}".strip())
    return found


def test_weights_are_named_alike_wherever_they_are_an_option():
    spellings = {
        name: option.opts
        for name, command in commands_below(typer.main.get_command(app)).items()
        for option in command.params
        if "--weights" in option.opts
    }
    assert {"align", "eval", "video", "view"} <= spellings.keys()
    assert [name for name, options in spellings.items() if "-w" not in options] == []


WORDS = re.compile(r"[\w.\-\[\]'`]+")


def test_help_shows_every_word_that_it_is_written_with():
    """Brackets that are not escaped are taken for markup, and are gone."""
    for name, command in commands_below(typer.main.get_command(app)).items():
        done = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "400", "NO_COLOR": "1"})
        texts = [command.help, *(each.help for each in command.params if not getattr(each, "hidden", False))]
        written = {word for text in texts if text for word in WORDS.findall(text.replace("\\", ""))}
        assert written - set(WORDS.findall(done.stdout)) == set(), name


def test_help_of_training_names_all_methods():
    package("torch", extra="train")
    from lineament.train.methods import METHODS

    assert sorted(METHODS) == list(TRAINABLE)
    assert [name for name in sorted(METHODS) if METHODS[name].ablation is not None] == list(ABLATED)
    for command, names in (("train", TRAINABLE), ("ablate", ABLATED)):
        text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "400"}).stdout
        assert [name for name in names if name not in text] == []


@pytest.mark.parametrize("module", ["lineament", "lineament.cli.main"])
def test_the_package_runs_as_a_module(module):
    done = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"lineament {__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (["align", "", "--out", "OUT"], "behind 'align'"),
        (["align", "a.jpg", "--out", ""], "behind '--out'"),
        (["align", "a.jpg", "--out="], "in '--out='"),
        (["video", "", "--out", "OUT"], "behind 'video'"),
        (["weights", "verify", ""], "behind 'verify'"),
    ],
)
def test_an_empty_argument_is_not_the_working_folder(arguments, where, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "400"})
    assert done.exit_code == 2
    assert f"There is an empty argument {where}" in done.stderr
    assert not list(tmp_path.iterdir())
