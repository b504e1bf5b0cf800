"""Jitter and lag of a followed face on a real film: ``python -m benchmarks.smoothing [FILM]``.

Left out, FILM is the speech of ../shared/clips, where a man holds his head still for a second and then
turns it. The first person is followed with the built-in weights; the turn of the head is taken as it is, as
the mean of the last five frames, and as `FaceSmoother` gives it. A film has no truth: jitter is what
remains of the angles after their own parabola through nine frames, where the head turns slowly; lag is how
much later than in the unsmoothed track the head passes the middle of its fastest turn.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import lineament as la
from lineament.data.photographs.collections import shared_folder
from lineament.video import FaceSmoother, FaceTracker, read_video

Array = NDArray[np.floating]

AVERAGED = 5  # frames
SPAN = 4  # frames before and after one through which its parabola goes
STILL_DEG_S = 20.0  # slower than this the head counts as still
TURN_S = 0.4  # before and after the fastest moment


def main() -> None:
    """Print a row for each way of smoothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", nargs="?", type=Path)
    given = parser.parse_args()
    times_s, raw, smooth = followed(given.film or shared_folder() / "clips" / "speech_720p.mp4")
    still, turn = stretches(times_s, raw)
    print(f"{len(times_s)} frames, {still.sum()} of them still, a turn of {np.ptp(raw[turn, 0]):.0f} degrees")
    tracks = {"no smoothing": raw, f"mean of {AVERAGED} frames": averaged(raw), "FaceSmoother": smooth}
    whole = jitter(raw)[still]
    for name, track in tracks.items():
        left = jitter(track)[still]
        lag_ms = 1000 * (middle_s(times_s[turn], track[turn, 0], raw[turn, 0]))
        fraction = np.sqrt((left**2).mean() / (whole**2).mean())
        print(f"{name:16} {np.sqrt((left**2).mean()):.3f} degrees ({fraction:.0%}), lag {lag_ms:.0f} ms")


def followed(film: Path) -> tuple[Array, Array, Array]:
    """Times (F,), and (F, 3) yaw, pitch, roll of the first person, unsmoothed and smoothed, in degrees."""
    tracker, smoother = FaceTracker(la.FaceAligner.from_pretrained()), FaceSmoother()
    times_s, raw, smooth = [], [], []
    for frame in read_video(film):
        for tracked in tracker.step(frame.time_s, frame.picture):
            if tracked.person == 1 and isinstance(tracked.face, la.MorphableResult):
                times_s.append(frame.time_s)
                raw.append(tracked.face.pose.angles_deg)
                smooth.append(smoother.step(frame.time_s, tracked.face).pose.angles_deg)
    return np.array(times_s), np.array(raw), np.array(smooth)


def stretches(times_s: Array, angles: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(F,) frames in which the head is still, and those about its fastest turn."""
    frames = range(SPAN, len(times_s) - SPAN)
    speed = np.full(len(times_s), np.nan)
    for k in frames:
        near = slice(k - SPAN, k + SPAN + 1)
        slopes = np.polyfit(times_s[near] - times_s[k], angles[near], 1)[0]
        speed[k] = np.linalg.norm(slopes)
    fastest = times_s[np.nanargmax(speed)]
    return np.nan_to_num(speed, nan=np.inf) < STILL_DEG_S, np.abs(times_s - fastest) <= TURN_S


def jitter(angles: Array) -> Array:
    """(F, 3) what a parabola through nine frames leaves of the middle one; 0 near the ends."""
    places = np.arange(-SPAN, SPAN + 1.0)
    left = np.zeros_like(angles)
    for k in range(SPAN, len(angles) - SPAN):
        fit = np.polyfit(places, angles[k - SPAN : k + SPAN + 1], 2)
        left[k] = angles[k] - fit[2]
    return left


def averaged(angles: Array) -> Array:
    """(F, 3) means of the last frames."""
    return np.stack([angles[max(0, k - AVERAGED + 1) : k + 1].mean(axis=0) for k in range(len(angles))])


def middle_s(times_s: Array, yaw: Array, unsmoothed: Array) -> float:
    """How much later than unsmoothed the yaw passes the middle of the turn, s."""
    half = (unsmoothed[0] + unsmoothed[-1]) / 2
    sign = np.sign(unsmoothed[-1] - unsmoothed[0])
    crossings = []
    for track in (yaw, unsmoothed):
        past = sign * (track - half)
        k = int(np.argmax(past >= 0))
        crossings.append(
            times_s[k - 1] + (times_s[k] - times_s[k - 1]) * past[k - 1] / (past[k - 1] - past[k])
        )
    return float(crossings[0] - crossings[1])


if __name__ == "__main__":
    main()
