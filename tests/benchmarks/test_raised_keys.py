import numpy as np
import pytest

from benchmarks.raised_keys import raised_shares


def test_shares_are_of_the_faces_that_read_above_each_limit():
    weights = np.array([[0.0, 0.3], [0.6, 0.2], [0.3, 0.0], [0.9, 0.0]])
    shares = raised_shares(("jawLeft", "jawRight"), weights, ("jawLeft", "jawRight"))
    assert shares["jawLeft"] == pytest.approx((0.75, 0.5))
    assert shares["jawRight"] == pytest.approx((0.25, 0.0))
