"""`lineament view`: one page that aligns faces inside the visitor's browser, with the same weights."""

from lineament.view.folder import write_folder
from lineament.view.server import PageServer

__all__ = ["PageServer", "write_folder"]
