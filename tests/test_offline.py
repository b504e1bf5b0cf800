"""Photographs stay on the machine: the main job runs where every network socket kills the process.

A filter in the kernel does the killing, so that native libraries are held to it as well as Python.
"""

import ctypes
import os
import platform
import signal
import struct
import subprocess
import sys

import pytest

from shared import ROOT

SOCKET_CALL = {"x86_64": 41, "aarch64": 198}
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, KILL_PROCESS = 0x7FFF0000, 0x80000000
FAMILY_OFFSET = 16  # of the first argument in what the kernel shows the filter
NO_NEW_PRIVILEGES, SET_FILTER, FILTER_MODE = 38, 22, 2

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in SOCKET_CALL,
    reason="needs Linux's system call filters",
)


def forbid_network_sockets():
    """From now on this process dies of SIGSYS when it opens any socket but a local one."""
    steps = [
        (LOAD, 0, 0, 0),
        (EQUAL, 0, 2, SOCKET_CALL[platform.machine()]),  # another call: on to ALLOW
        (LOAD, 0, 0, FAMILY_OFFSET),
        (EQUAL, 0, 1, 1),  # not AF_UNIX: on to KILL_PROCESS
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, KILL_PROCESS),
    ]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(program)))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_void_p] * 4]
    if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(SET_FILTER, FILTER_MODE, header, 0, 0):
        raise OSError(ctypes.get_errno(), "the filter was refused")


def run_offline(program: str, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess:
    """Run Python code in a fresh interpreter without network sockets."""
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    folders = [str(ROOT / "src"), str(ROOT / "tests")]
    return subprocess.run(
        [
            sys.executable,
            "-c",
            f"import test_offline; test_offline.forbid_network_sockets()\n{program}",
            *arguments,
        ],
        env=environment | {"PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def test_the_filter_kills_what_opens_a_network_socket():
    done = run_offline("import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM); print('alive')")
    assert done.returncode == -signal.SIGSYS
    assert done.stdout == ""


def test_the_filter_lets_local_sockets_and_everything_else_be():
    done = run_offline("import socket; socket.socket(socket.AF_UNIX); socket.socketpair(); print('alive')")
    assert (done.returncode, done.stdout) == (0, "alive\n")


def test_running_a_network_opens_no_socket(disc_graph):
    program = """
import sys, numpy as np
from lineament.network import OnnxNetwork
network = OnnxNetwork(sys.argv[1])
print(sorted(network(crop=np.zeros((1, 64, 64, 3), np.uint8))))
"""
    done = run_offline(program, str(disc_graph))
    assert done.returncode == 0, done.stderr
    assert "rotation" in done.stdout


def test_the_main_job_opens_no_socket(tmp_path):
    photos = ROOT / "demo" / "photos"
    words = ["align", str(photos), "--out", str(tmp_path), "--format", "obj,json"]  # as `make demo` has it
    done = run_offline("from lineament.cli.main import main; main()", *words)
    assert done.returncode == 0, done.stderr
    names = {path.name for path in tmp_path.iterdir()}
    for photo in photos.glob("*.jpg"):
        assert {f"{photo.stem}_overlay.png", f"{photo.stem}_face0.obj", f"{photo.stem}.json"} <= names
