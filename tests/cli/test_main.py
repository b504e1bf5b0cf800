import re

import pytest
import typer
from typer.testing import CliRunner

from lineament import __version__
from lineament.cli.main import app


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
