"""`lineament view`: the page in the browser, served from this machine or written as a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lineament.cli.lines import say


def view(
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write the page into this folder, for any static web host, and stop."
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to serve at; 0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    weights: Annotated[
        str, typer.Option("--weights", "-w", help="Name or file of those that the page begins with.")
    ] = "default",
) -> None:
    """Align faces in a page of the browser: photographs or the camera, meshes, sliders, downloads.

    Everything runs inside the page with the weights of this installation; no photograph leaves the machine.
    """
    from lineament.view import write_folder

    if export is not None:
        folder = write_folder(export, weights=weights)
        say(f"the page is in {folder}; any static web host can serve it")
    else:
        _serve(port, browser, weights)


def _serve(port: int, browser: bool, weights: str) -> None:
    """Serve the page until the person stops it."""
    import webbrowser

    from lineament.view import PageServer, write_folder
    from lineament.view.temporary import serving_folder

    with serving_folder() as folder, PageServer(folder, port=port) as server:
        write_folder(folder, weights=weights)
        say(f"serving {server.url} to this machine alone; stop with Ctrl+C")
        if browser:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("stopped")
