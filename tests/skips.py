"""Tests that are skipped: failures in continuous integration, one line at the end everywhere else.

With LINEAMENT_CI=1 nothing may be skipped, for want of data, of programs or of packages.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

CAUSES: pytest.StashKey[Counter[str]] = pytest.StashKey()


def skips_fail() -> bool:
    """Whether this run allows no skips."""
    return os.environ.get("LINEAMENT_CI") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return _judged((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return _judged((yield))


def pytest_configure(config):
    config.pluginmanager.register(_Counting(config))


class _Counting:
    """Counts skips, where the reports of all processes come together as well."""

    def __init__(self, config):
        self.causes = config.stash.setdefault(CAUSES, Counter())

    def pytest_runtest_logreport(self, report):
        self._count(report)

    def pytest_collectreport(self, report):
        self._count(report)

    def _count(self, report):
        if report.skipped and not hasattr(report, "wasxfail"):
            self.causes[_cause(report.longrepr)] += 1


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session):
    """The last line of all, after pytest's own."""
    result = yield
    causes = session.config.stash.get(CAUSES, Counter())
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if causes and reporter is not None:
        reporter.write_line(summary_line(causes))
    return result


def summary_line(causes: Counter[str]) -> str:
    """What was skipped and how to have it, e.g. "skipped 3 tests: 2 x node is not installed: apt-get ..."."""
    count = sum(causes.values())
    listed = "; ".join(f"{number} x {cause.rstrip('.')}" for cause, number in causes.most_common())
    return f"skipped {count} test{'s' if count > 1 else ''}: {listed}"


def _judged(report):
    """The report as it is, or turned into a failure if it is a skip and none is allowed."""
    if report.skipped and not hasattr(report, "wasxfail") and skips_fail():
        report.outcome = "failed"
        report.longrepr = f"{_cause(report.longrepr)}\nLINEAMENT_CI=1 allows no skips."
    return report


def _cause(longrepr) -> str:
    """The reason given for a skip, on one line."""
    reason = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    return " ".join(reason.removeprefix("Skipped: ").split())
