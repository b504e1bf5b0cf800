"""A web server for one folder and one machine."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lineament.errors import ConfigError

LOOPBACK = "127.0.0.1"


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
        try:
            super().__init__((LOOPBACK, port), partial(_QuietHandler, directory=str(folder)))
        except (OSError, OverflowError) as error:
            raise ConfigError(f"Port {port} cannot be used ({error}). Choose another with --port.") from error

    @property
    def url(self) -> str:
        """What to open in the browser."""
        return f"http://{LOOPBACK}:{self.server_port}/"


class _QuietHandler(SimpleHTTPRequestHandler):
    """Files of the folder, with the types a browser insists on whatever this system's tables say."""

    extensions_map = {  # noqa: RUF012 - the base class has it so
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".json": "application/json",
        ".wasm": "application/wasm",
    }

    def end_headers(self) -> None:
        # Another version of lineament may serve its page at the same address tomorrow.
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal belongs to the command."""
