"""How long a process took, less what it waited for a processor that others had: a busy machine is no hang."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def waited_s(process: int | str = "self") -> float:
    """Seconds for which a thread of a process could have run and had no processor; the most of its threads.

    0 where the system does not tell (schedstat of Linux, its second number).
    """
    most = 0
    with suppress(OSError):  # it has ended
        for task in Path(f"/proc/{process}/task").iterdir():
            with suppress(OSError, IndexError, ValueError):
                most = max(most, int((task / "schedstat").read_text().split()[1]))
    return most / 1e9


def session_waited_s(session: int) -> float:
    """The same of the process of a session that waited longest."""
    most = 0.0
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if os.getsid(int(entry.name)) == session:
                    most = max(most, waited_s(entry.name))
    return most
