import re

from shared import ROOT

PAGE = ROOT / "docs" / "robustness.md"
FILE_OR_TEST = re.compile(r"`([a-z0-9_/]+\.py)`|`(test_[a-z0-9_]+)`")


def named(text):
    """(file, test) in the order of the page; a test belongs to the file before it."""
    file = None
    for found in FILE_OR_TEST.finditer(text):
        if found[1]:
            file = found[1]
        else:
            yield file, found[2]


def test_every_test_that_the_page_names_is_there():
    names = list(named(PAGE.read_text(encoding="utf-8").partition("\n## ")[2]))
    assert len(names) > 100
    missing = [
        (file, test)
        for file, test in names
        if f"def {test}(" not in (ROOT / "tests" / file).read_text(encoding="utf-8")
    ]
    assert missing == []


def test_every_row_names_a_test():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert [row for row in rows if "held by" not in row and "`test_" not in row] == []
