"""A web server for one folder and one machine."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import BoundedSemaphore, Timer
from typing import Any, TypeAlias
from urllib.parse import quote, unquote, urlsplit

from lineament.errors import ConfigError

Connection: TypeAlias = Any  # a socket, as the standard library's servers pass it

LOOPBACK = "127.0.0.1"
MAX_CONNECTIONS = 32  # a browser opens six
IDLE_S = 10.0  # a connection that says nothing for so long is closed
WHOLE_S = 60.0  # and one that takes longer than this, whatever it says
HEADERS = {
    # Another version of lineament may serve its page at the same address tomorrow.
    "Cache-Control": "no-cache",
    # The page's own policy is in its head; who may frame it can only be said here.
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class PageServer(ThreadingHTTPServer):
    """Serves a folder to this machine alone; `serve_forever` runs until `shutdown`."""

    daemon_threads = True

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        """Take a port.

        Args:
            folder: the page, see `write_folder`.
            port: 0 for any that is free.

        Raises:
            ConfigError: the port is taken or not allowed.
        """
        self._free = BoundedSemaphore(MAX_CONNECTIONS)
        try:
            super().__init__((LOOPBACK, port), partial(_PageHandler, directory=str(folder)))
        except (OSError, OverflowError) as error:
            raise ConfigError(f"Port {port} cannot be used ({error}). Choose another with --port.") from error

    @property
    def url(self) -> str:
        """What to open in the browser."""
        return f"http://{LOOPBACK}:{self.server_port}/"

    @property
    def hosts(self) -> frozenset[str]:
        """Names under which a browser on this machine may ask; others are other people's names for it."""
        return frozenset(f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost"))

    def process_request(self, request: Connection, client_address: Any) -> None:  # noqa: ANN401
        """Answer in a thread of its own, if there are not too many."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Connection, client_address: Any) -> None:  # noqa: ANN401
        """Answer within the time that a connection may take."""
        clock = Timer(WHOLE_S, partial(_hang_up, request))
        clock.daemon = True
        clock.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            clock.cancel()
            self._free.release()

    def handle_error(self, request: Connection, client_address: Any) -> None:  # noqa: ANN401
        """Say nothing of clients that have gone."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _PageHandler(SimpleHTTPRequestHandler):
    """Files of the folder, with the types a browser insists on whatever this system's tables say."""

    timeout = IDLE_S
    extensions_map = {  # noqa: RUF012 - the base class has it so
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".json": "application/json",
        ".wasm": "application/wasm",
    }

    def send_head(self) -> Any:  # noqa: ANN401 - as the base class has it
        """Open the file that is asked for, if it is one of the page and asked for by its own name."""
        assert isinstance(self.server, PageServer)
        if self.headers.get_all("Host", []) != [host := self.headers.get("Host", "")] or (
            host.lower() not in self.server.hosts
        ):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "This page has another address")
            return None
        path = self._file()
        if path is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        self.path = quote(f"/{path.relative_to(Path(self.directory).resolve()).as_posix()}")
        return super().send_head()

    def _file(self) -> Path | None:
        """The plain file that is meant; None if there is none, or not inside of the folder."""
        name = unquote(urlsplit(self.path).path, errors="replace")
        if "\0" in name or "\\" in name:
            return None
        root = Path(self.directory).resolve()
        parts = [part for part in name.split("/") if part]
        if any(part.startswith(".") for part in parts):
            return None
        path = root.joinpath(*parts) if parts else root / "index.html"
        try:
            is_inside = path.resolve(strict=True).is_relative_to(root)
        except (OSError, RuntimeError, ValueError):  # not there, a loop of links, or no name of a file
            return None
        return path if is_inside and path.is_file() else None

    def end_headers(self) -> None:
        """Add what every answer says."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal belongs to the command."""


def _hang_up(connection: Connection) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
