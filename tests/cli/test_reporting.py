"""What a run over photographs says on a terminal."""

import io
import re
from pathlib import Path

from lineament.cli import reporting
from lineament.cli.photo_work import PhotoOutcome
from lineament.cli.photos import Photo
from lineament.cli.reporting import MANY, Reporter, general_reason


class Terminal(io.StringIO):
    """A terminal of 100 columns."""

    def isatty(self):
        return True


def photo(number):
    return Photo(Path(f"album/{number}.jpg"), f"{number}.jpg", Path(str(number)))


def test_one_display_counts_the_faces_and_failures_of_all_workers(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(reporting.sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    with Reporter(MANY, quiet=False, log=None) as reporter:
        for number in range(MANY - 1):
            reporter.add(photo(number), PhotoOutcome(faces=2))
        reporter.add(photo(MANY), PhotoOutcome(error="album/5.jpg cannot be read."))
        reporter._progress.refresh()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert f"{MANY}/{MANY}" in shown
    assert f"{2 * (MANY - 1)} faces, 1 failed" in shown


def test_quiet_has_no_display(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(reporting.sys, "stderr", terminal)
    with Reporter(MANY, quiet=True, log=None) as reporter:
        reporter.add(photo(0), PhotoOutcome(faces=2))
    assert terminal.getvalue() == ""


def test_a_reason_is_the_same_for_photos_of_other_names_and_sizes():
    first, second = (
        general_reason(f"album/{n}.jpg has {n}7 bytes, too few. Copy it again.", [f"album/{n}.jpg"])
        for n in (1, 2)
    )
    assert first == second == "the photo has N bytes, too few"


def test_reasons_of_missing_photos_and_of_results_that_cannot_be_written_are_counted_together():
    missing, written = (
        {general_reason(text.format(n=n), [f"album/{n}.jpg"], target=Path(f"{n}")) for n in (1, 2)}
        for text in (
            "There is no file album/{n}.jpg. Check the spelling.",
            "Cannot write out/{n}_face0.obj (No space left on device). Check the disk.",
        )
    )
    assert missing == {"The photo is not there"}
    assert written == {"Cannot write its results (No space left on device)"}


def test_a_name_neither_ends_its_line_nor_steers_the_terminal(capsys, tmp_path):
    named = Photo(Path("a\n\x1b[31m.jpg"), "a\n\x1b[31m\u2028.jpg", Path("a"))
    with Reporter(1, quiet=False, log=tmp_path / "log") as reporter:
        reporter.add(named, PhotoOutcome(lines=("no face found",)))
        reporter.add(named, PhotoOutcome(error="a\n\x1b[31m.jpg is gone."))
    said = capsys.readouterr()
    assert said.out == "a\\n\\x1b[31m\\u2028.jpg: no face found\n"
    assert said.err == "a\\n\\x1b[31m\\u2028.jpg: error: a\\n\\x1b[31m.jpg is gone.\n"
    assert len((tmp_path / "log").read_text().splitlines()) == 2
