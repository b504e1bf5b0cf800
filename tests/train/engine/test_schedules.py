from itertools import pairwise

import pytest

from lineament.errors import ConfigError
from lineament.train.engine.schedules import CPRFA, DFF, SADRNET, SYNERGYNET, ScheduleConfig


def test_the_learning_rate_rises_linearly_and_falls_as_a_cosine_to_zero():
    schedule = ScheduleConfig(warm_up=10)
    rates = [schedule.factor(step, 110) for step in range(111)]
    assert rates[:10] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert rates[10] == 1.0
    assert rates[60] == pytest.approx(0.5)
    assert rates[110] == pytest.approx(0.0)
    assert all(a >= b for a, b in pairwise(rates[10:]))
    assert schedule.factor(500, 110) == pytest.approx(0.0)


def test_synergynet_trains_as_its_released_code_does():
    epochs = [0.08 * SYNERGYNET.factor(epoch, 80) for epoch in range(80)]
    assert epochs[:5] == pytest.approx([0.016] * 5)
    assert epochs[5:48] == pytest.approx([0.08] * 43)
    assert epochs[48:64] == pytest.approx([0.016] * 16)
    assert epochs[64:] == pytest.approx([0.0032] * 16)


def test_sadrnet_loses_a_seventh_an_epoch_after_the_warm_up():
    assert SADRNET.factor(600, 1000) == pytest.approx(0.85**15)
    assert SADRNET.factor(639, 1000) == pytest.approx(0.85**15)
    assert SADRNET.factor(640, 1000) == pytest.approx(0.85**16)


def test_the_others_fall_by_tenths():
    assert [CPRFA.factor(epoch, 40) for epoch in (19, 20, 30, 36)] == pytest.approx([1, 0.1, 0.01, 0.001])
    assert [DFF.factor(epoch, 10) for epoch in (4, 5)] == pytest.approx([1, 0.1])


def test_one_cycle_is_highest_after_its_rise_and_lowest_at_the_end():
    schedule = ScheduleConfig(shape="one-cycle", start=0.04, floor=1e-4, rise=0.3)
    rates = [schedule.factor(step, 100) for step in range(101)]
    assert (rates[0], rates[30], rates[100]) == pytest.approx((0.04, 1.0, 1e-4))
    assert all(a <= b for a, b in pairwise(rates[:31]))
    assert all(a >= b for a, b in pairwise(rates[30:]))


def test_a_constant_rate_stays():
    assert {ScheduleConfig(shape="constant", warm_up=0).factor(step, 10) for step in range(12)} == {1.0}


@pytest.mark.parametrize(("borders", "factors"), [((0.5,), (1.0,)), ((0.6, 0.5), (1.0, 0.1, 0.01))])
def test_pieces_need_a_factor_each(borders, factors):
    with pytest.raises(ConfigError, match="one factor more"):
        ScheduleConfig(shape="pieces", borders=borders, factors=factors)
