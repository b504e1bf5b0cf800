"""A session of Ray: this machine, or a cluster that runs already. Its reports over the network are off."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from lineament.batch.actors import Tries
from lineament.errors import ConfigError
from lineament.foreign import reason_of

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no report to Ray's makers
    "RAY_USAGE_STATS_PROMPT_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # or it would send the working folder to all nodes
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # or it would write lines of its own between ours
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # no warning about what a later version will do
}
"""Set for the session, unless the caller has set them."""


def check_installed() -> None:
    """See that the optional libraries are there, which takes no time.

    Raises:
        ConfigError: one is not installed.
    """
    if any(find_spec(name) is None for name in ("pyarrow", "ray")):
        raise ConfigError("A cluster needs one more package: pip install 'lineament[batch]'.")


def load_ray() -> ModuleType:
    """Ray with its part for data; call it within :func:`session` alone.

    Raises:
        ConfigError: it is not installed.
    """
    check_installed()
    import ray
    import ray.data

    module: ModuleType = ray
    return module


@contextmanager
def session(address: str | None = None, **options: Any) -> Iterator[ModuleType]:  # noqa: ANN401
    """Ray, started on this machine or connected to a cluster; a session that is there already is taken.

    Args:
        address: of a cluster that runs, such as "auto" or "10.0.0.1:6379"; None starts one on this machine
            that ends with the session.
        options: of `ray.init`.

    Raises:
        ConfigError: Ray is not installed, cannot be started, or there is no cluster at the address.
    """
    set_here = {name: value for name, value in QUIET.items() if name not in os.environ}
    os.environ.update(set_here)
    try:
        ray = load_ray()
        is_ours = not ray.is_initialized()
        if is_ours:
            _start(ray, address, options)
        try:
            with _quiet_log():
                yield ray
        finally:
            if is_ours:
                ray.shutdown()
    finally:
        for name in set_here:
            os.environ.pop(name, None)


def _start(ray: Any, address: str | None, options: dict[str, Any]) -> None:  # noqa: ANN401
    local = {"address": "local", "include_dashboard": False}
    where = local if address is None else {"address": address}
    try:
        with _unheard(), _own_signals():
            ray.init(**where, log_to_driver=False, logging_level=logging.ERROR, **options)
    except Exception as error:
        what = (
            "Ray cannot be started on this machine"
            if address is None
            else f"There is no cluster at {address}"
        )
        raise ConfigError(
            f"{what} ({reason_of(error)}). Check the address, memory and free space of /tmp."
        ) from error


@contextmanager
def _unheard() -> Iterator[None]:
    """The part of Ray in C++ says what its level of logging is: not on our standard error."""
    try:
        sys.stderr.flush()
        before = os.dup(2)
    except (OSError, AttributeError, ValueError):  # there is none
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


@contextmanager
def _own_signals() -> Iterator[None]:
    """What the caller does at SIGTERM stays; Ray would end the process."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        with suppress(ValueError):  # not the main thread, where Ray sets none either
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _quiet_log() -> Iterator[None]:
    """Ray's own log of a data set goes into its files alone."""
    log = logging.getLogger("ray.data")
    handlers = [each for each in log.handlers if each.name == "console"]
    before = [each.level for each in handlers]
    for handler in handlers:
        handler.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for handler, level in zip(handlers, before):
            handler.setLevel(level)


@dataclass(frozen=True, slots=True)
class SharedTries:
    """The same count for all processes of a cluster: :class:`lineament.batch.actors.Tries` in one of its own.

    Attributes:
        actor: Ray's handle of it.
    """

    actor: Any

    @classmethod
    def start(cls, ray: Any) -> SharedTries:  # noqa: ANN401
        """Start the process; it ends when nobody knows it any more."""
        return cls(ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Tries).remote())

    def __call__(self, key: Hashable) -> int:
        """How often this was begun, now included."""
        count: int = load_ray().get(self.actor.begin.remote(key))
        return count
