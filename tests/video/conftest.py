"""Films through the system's ffmpeg are tried where there is one; CI has none, as many users have none."""

import shutil

collect_ignore = [] if shutil.which("ffmpeg") else ["test_ffmpeg.py"]
