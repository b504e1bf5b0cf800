import numpy as np
import pytest

from lineament.data.samples.mixture import Mixture
from lineament.errors import DataError


class Numbers:
    """A store whose samples are plain numbers, and whose coefficients are those numbers too."""

    def __init__(self, *values):
        self.values = np.float64(values)

    def __len__(self):
        return len(self.values)

    def sample(self, number, *, with_mask=True):
        return self.values[number]

    def has_coefficients(self):
        return np.ones(len(self), bool)

    def coefficient_statistics(self):
        column = self.values[:, None]
        return column.mean(0), column.std(0), column.mean(0), column.std(0)


def test_samples_are_numbered_through():
    mixture = Mixture([Numbers(1, 2), Numbers(3), Numbers(4, 5)])
    assert len(mixture) == 5
    assert [mixture.sample(number) for number in range(5)] == [1, 2, 3, 4, 5]


def test_without_weights_all_samples_are_drawn_alike_and_statistics_are_those_of_all():
    mixture = Mixture([Numbers(1, 2), Numbers(3, 4, 5, 9)])
    rng = np.random.default_rng(0)
    counts = np.bincount([mixture.draw(rng) for _ in range(6000)], minlength=6)
    assert (np.abs(counts - 1000) < 120).all()
    mean, std, *_ = mixture.coefficient_statistics()
    np.testing.assert_allclose([mean[0], std[0]], [4, np.std([1, 2, 3, 4, 5, 9])])


def test_weights_say_how_often_a_store_is_drawn_from():
    mixture = Mixture([Numbers(1), Numbers(*range(10)), Numbers(7)], [1, 3, 0])
    rng = np.random.default_rng(0)
    counts = np.bincount([mixture.draw(rng) for _ in range(4000)], minlength=12)
    assert abs(counts[0] - 1000) < 120
    assert counts[11] == 0
    mean, *_ = mixture.coefficient_statistics()
    np.testing.assert_allclose(mean, [0.25 * 1 + 0.75 * 4.5])


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [0.0, 0.0], [1.0, float("nan")]])
def test_weights_that_are_no_probabilities_are_refused(weights):
    with pytest.raises(DataError, match="2 folders"):
        Mixture([Numbers(1), Numbers(2)], weights)


def test_samples_of_a_store_are_drawn_by_their_weights():
    mixture = Mixture([Numbers(1, 2), Numbers(3, 4, 5)], [1, 1], [None, np.array([1.0, 0.0, 3.0])])
    rng = np.random.default_rng(0)
    counts = np.bincount([mixture.draw(rng) for _ in range(8000)], minlength=5)
    np.testing.assert_allclose(counts / 8000, [0.25, 0.25, 0.125, 0.0, 0.375], atol=0.02)


def test_nothing_to_train_on_is_said():
    with pytest.raises(DataError, match="nothing to train on"):
        Mixture([])


def test_what_never_differs_has_no_deviation():
    # In single precision the square of the mean and the mean of squares differ in their last digits.
    class Alike(Numbers):
        def coefficient_statistics(self):
            mean, zero = np.linspace(0.1, 3, 20, dtype=np.float32), np.zeros(20, np.float32)
            return mean, zero, mean, zero

    _, std, *_ = Mixture([Alike(1, 2)]).coefficient_statistics()
    np.testing.assert_allclose(std, 0, atol=2e-3)


def test_statistics_count_the_fitted_faces_of_each_store():
    class Partly(Numbers):
        """Half of the samples have coefficients."""

        def has_coefficients(self):
            return np.arange(len(self)) % 2 == 0

    class Annotated(Numbers):
        def has_coefficients(self):
            return np.zeros(len(self), bool)

        def coefficient_statistics(self):
            raise AssertionError("there are none")

    mixture = Mixture([Numbers(1, 1), Partly(4, 4), Annotated(9)], [1, 2, 5])
    assert mixture.has_coefficients().tolist() == [True, True, True, False, False]
    mean, *_ = mixture.coefficient_statistics()
    np.testing.assert_allclose(mean, [(1 * 1 + 2 * 0.5 * 4) / 2])
    with pytest.raises(DataError, match="No sample has coefficients"):
        Mixture([Annotated(9)]).coefficient_statistics()
