"""Switches ONNX Runtime's reports over the network off before it is loaded: the one thing importing does."""

from __future__ import annotations

import os
import sys

TELEMETRY_SWITCH = "ORT_DISABLE_TELEMETRY"
RUNTIME_CAME_FIRST = "onnxruntime" in sys.modules and not os.environ.get(TELEMETRY_SWITCH)
"""Whether it was loaded, with its reports on, before lineament was."""
os.environ.setdefault(TELEMETRY_SWITCH, "1")
