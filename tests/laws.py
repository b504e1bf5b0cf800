"""What laws are tried on: rotations, cameras, squares, points, drawn at random but the same in every run."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from lineament.crop import CropBox
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles, matrix_from_vector

settings.register_profile(
    "lineament", max_examples=20, derandomize=True, deadline=None, database=None, print_blob=False
)
"""The same examples in every run, on every machine; a failure needs no data base to come back."""


def numbers(low, high):
    """Finite numbers between two others, those included."""
    return st.floats(low, high, allow_nan=False, allow_subnormal=False)


def vectors(count, low, high):
    return st.lists(numbers(low, high), min_size=count, max_size=count).map(np.array)


@st.composite
def rotations(draw):
    """(3, 3) proper rotations, about any axis by any angle below half a turn."""
    vector = draw(vectors(3, -1, 1))
    length = np.linalg.norm(vector)
    return matrix_from_vector(vector * (draw(numbers(0, 3.1)) / length if length > 1e-3 else 1.0))


@st.composite
def head_rotations(draw):
    """(3, 3) rotations of heads, given by yaw, pitch and roll short of where angles are ambiguous."""
    return matrix_from_angles(draw(numbers(-1.5, 1.5)), draw(numbers(-1.5, 1.5)), draw(numbers(-3.1, 3.1)))


@st.composite
def cameras(draw):
    """Cameras of faces from 5 to 4,000 px, anywhere near a photograph."""
    return WeakPerspective(
        rotation=draw(head_rotations()),
        scale=draw(numbers(0.02, 20)),
        translation=draw(vectors(3, -5000, 5000)),
    )


@st.composite
def crop_boxes(draw):
    """Squares from 4 to 4,000 px, turned in any way."""
    return CropBox(
        center_xy=tuple(draw(vectors(2, -5000, 5000)).tolist()),
        side=draw(numbers(4, 4000)),
        size=draw(st.integers(8, 512)),
        roll=draw(numbers(-3.1, 3.1)),
    )


@st.composite
def clouds(draw, *, count=12, radius=100.0):
    """(count, 3) points within a ball, spread in all directions."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.normal(0, radius / 3, (count, 3))
