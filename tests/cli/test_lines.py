import io
import re

import pytest

from lineament.cli.lines import say, write_line
from shared import ROOT


def test_a_line_is_one_line_and_steers_no_terminal(capsys):
    say("a\n\x1b[31m\u2028.jpg: no face found")
    say("b\r.jpg is gone.", error=True)
    assert tuple(capsys.readouterr()) == ("a\\n\\x1b[31m\\u2028.jpg: no face found\n", "b\\r.jpg is gone.\n")


@pytest.mark.parametrize(("encoding", "shown"), [("utf-8", "é\n"), ("ascii", "?\n")])
def test_what_a_terminal_cannot_show_ends_no_run(encoding, shown):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    write_line("é", terminal)
    terminal.seek(0)
    assert terminal.read() == shown


def test_commands_print_by_these_alone_but_for_the_version_and_json():
    files = sorted((ROOT / "src" / "lineament" / "cli").glob("*.py"))
    printing = {path.name for path in files if re.search(r"typer\.echo\(|\bprint\(", path.read_text("utf-8"))}
    assert printing == {"info.py", "main.py"}
