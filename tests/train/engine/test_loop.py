import json
import logging
from dataclasses import replace

import pytest
import torch
from torch import nn

from lineament.errors import ConfigError
from lineament.train.engine.loop import MAX_SKIPPED_IN_A_ROW, LoopConfig, Run
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.engine.schedules import ScheduleConfig

CONFIG = LoopConfig(
    steps=8,
    batch=4,
    optimiser=OptimiserConfig(learning_rate=0.01),
    schedule=ScheduleConfig(warm_up=3),
    ema_decay=0.9,
    save_every=1,
    log_every=2,
)


def network(seed: int = 0) -> nn.Module:
    """Small, with normalisation, so that there are buffers to keep as well, and with something random."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.3), nn.Linear(5, 2))


def batches(first: int, last: int = CONFIG.steps):
    """Each a function of the step's number."""
    for step in range(first, last):
        generator = torch.Generator().manual_seed(step)
        yield torch.randn(4, 3, generator=generator)


def run_of(folder, trained, config=CONFIG):
    def terms_of(network, batch):
        found = network(batch)
        return {"loss": (found**2).sum() + found.mean()}

    return Run(folder, trained, config), terms_of


def state_of(run):
    return {"network": run.network.state_dict(), "average": run.ema.state_dict(), "step": run.step}


def assert_same(one, other):
    for part in ("network", "average"):
        for name, tensor in one[part].items():
            assert torch.equal(tensor, other[part][name]), f"{part}: {name}"
    assert one["step"] == other["step"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The end of a run that was not interrupted."""
    run, terms_of = run_of(tmp_path_factory.mktemp("whole"), network())
    run.train(batches(0), terms_of)
    return state_of(run)


@pytest.mark.parametrize("stopped_after", range(1, CONFIG.steps))
def test_a_run_interrupted_at_any_step_ends_bit_for_bit_like_one_that_was_not(tmp_path, whole, stopped_after):
    first, terms_of = run_of(tmp_path, network())
    first.train(batches(0, stopped_after), terms_of)
    # A new process: other first weights, no memory but the checkpoint's.
    second, terms_of = run_of(tmp_path, network(seed=9))
    assert second.step == stopped_after
    second.train(batches(stopped_after), terms_of)
    assert_same(state_of(second), whole)


def test_steps_after_the_last_checkpoint_are_taken_again(tmp_path, whole):
    config = replace(CONFIG, save_every=3)
    first, terms_of = run_of(tmp_path, network(), config)
    first.train(batches(0, 5), terms_of)
    second, terms_of = run_of(tmp_path, network(seed=9), config)
    assert second.step == 3
    second.train(batches(3), terms_of)
    assert_same(state_of(second), whole)


def test_a_finished_run_takes_no_more_steps(tmp_path):
    run, terms_of = run_of(tmp_path, network())
    run.train(batches(0), terms_of)
    before = {name: tensor.clone() for name, tensor in run.network.state_dict().items()}
    again, terms_of = run_of(tmp_path, network(seed=9))
    again.train(batches(again.step), terms_of)
    assert again.step == CONFIG.steps
    assert all(torch.equal(tensor, before[name]) for name, tensor in again.network.state_dict().items())


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_step_that_is_not_finite_is_counted_and_changes_no_weight(tmp_path, wrong):
    trained = nn.Linear(3, 2)
    run = Run(tmp_path, trained, CONFIG)
    before = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    run.train(batches(0, 1), lambda network, batch: {"loss": network(batch).sum() * wrong})
    assert (run.step, run.skipped) == (1, 1)
    assert all(torch.equal(tensor, before[name]) for name, tensor in trained.state_dict().items())
    run.train(batches(1, 2), lambda network, batch: {"loss": network(batch).sum()})
    assert (run.step, run.skipped) == (2, 1)
    assert not torch.equal(trained.weight, before["weight"])
    assert torch.isfinite(run.ema.weight).all()


def test_a_batch_that_is_not_finite_leaves_no_trace_in_the_statistics_of_normalisation(tmp_path):
    run, terms_of = run_of(tmp_path, network())
    run.train(batches(0, 1), terms_of)
    before = {name: tensor.clone() for name, tensor in run.network.state_dict().items()}
    run.train([torch.full((4, 3), float("inf"))], terms_of)
    assert run.skipped == 1
    assert all(torch.equal(tensor, before[name]) for name, tensor in run.network.state_dict().items())


def test_the_count_of_skipped_steps_survives_an_interruption(tmp_path):
    trained = nn.Linear(3, 2)
    run = Run(tmp_path, trained, CONFIG)
    run.train(batches(0, 2), lambda network, batch: {"loss": network(batch).sum() * float("nan")})
    assert Run(tmp_path, nn.Linear(3, 2), CONFIG).skipped == 2


def test_the_optimiser_uses_the_rate_of_the_step(tmp_path):
    run, terms_of = run_of(tmp_path, network())
    for step in range(CONFIG.steps):
        run.train(batches(step, step + 1), terms_of)
        assert {group["lr"] for group in run.optimiser.param_groups} == {CONFIG.rate_at(step)}


def test_biases_and_norms_do_not_decay(tmp_path):
    run, _ = run_of(tmp_path, network())
    decay = {group["weight_decay"]: len(group["params"]) for group in run.optimiser.param_groups}
    assert decay == {CONFIG.optimiser.weight_decay: 2, 0.0: 4}


def test_the_average_follows_the_weights_and_is_what_is_validated(tmp_path):
    run, terms_of = run_of(tmp_path, network())
    validated = []
    run.train(batches(0), terms_of, lambda ema_network: validated.append(ema_network) or {"error": 1.0})
    assert len(validated) == CONFIG.steps
    assert all(ema_network is run.ema and not ema_network.training for ema_network in validated)
    assert not any(parameter.requires_grad for parameter in run.ema.parameters())
    now, kept = run.network[0].weight, run.ema[0].weight
    assert not torch.equal(now, kept)
    assert (now - kept).abs().max() < (now - network()[0].weight).abs().max()


def test_the_log_is_a_line_of_json_every_few_steps_and_told_to_the_logger(tmp_path, caplog):
    run, terms_of = run_of(tmp_path, network())
    with caplog.at_level(logging.INFO, logger="lineament.train.engine.run_folder"):
        run.train(batches(0), terms_of, lambda _: {"error": 0.5})
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert lines == caplog.messages
    records = [json.loads(line) for line in lines]
    assert [r["step"] for r in records if "loss" in r] == [2, 4, 6, 8]
    assert [r["step"] for r in records if "error" in r] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_run_whose_time_is_up_stops_at_a_checkpoint_and_goes_on_later(tmp_path, whole):
    run, terms_of = run_of(tmp_path, network())
    run.train(batches(0), terms_of, seconds=0)
    assert run.step == 2  # the first step that is logged
    again, terms_of = run_of(tmp_path, network(seed=9))
    again.train(batches(2), terms_of)
    assert_same(state_of(again), whole)


def test_a_run_that_goes_nowhere_says_so(tmp_path):
    run = Run(tmp_path, nn.Linear(3, 2), replace(CONFIG, steps=1000, save_every=1000, log_every=1000))
    with pytest.raises(ConfigError, match="Lower the learning rate"):
        run.train(batches(0, 1000), lambda network, batch: {"loss": network(batch).sum() * float("nan")})
    assert run.step == MAX_SKIPPED_IN_A_ROW


def test_the_log_tells_pace_and_time_left(tmp_path):
    run, terms_of = run_of(tmp_path, network())
    run.train(batches(0), terms_of)
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert all(record["samples_a_second"] > 0 for record in records)
    assert [record["minutes_left"] for record in records][-1] == 0
    assert all(0 <= record["waiting_share"] <= 1 for record in records)


def test_a_run_stopped_after_its_last_step_takes_its_figures_when_it_is_called_again(tmp_path):
    def fails(_):
        raise KeyboardInterrupt

    run, terms_of = run_of(tmp_path, network(), replace(CONFIG, save_every=100))
    with pytest.raises(KeyboardInterrupt):  # it is only called at the end
        run.train(batches(0), terms_of, fails)
    again, terms_of = run_of(tmp_path, network(seed=9))
    assert again.step == CONFIG.steps
    again.train([], terms_of, lambda _: {"error": 1.0})
    assert json.loads((tmp_path / "figures.json").read_text()) == {"step": CONFIG.steps, "error": 1.0}


def test_options_of_the_optimiser_that_were_changed_hold_after_a_resume(tmp_path):
    run, terms_of = run_of(tmp_path, network())
    run.train(batches(0, 2), terms_of)
    changed = replace(CONFIG, optimiser=replace(CONFIG.optimiser, weight_decay=0.2))
    again, _ = run_of(tmp_path, network(), changed)
    assert again.step == 2
    assert {group["weight_decay"] for group in again.optimiser.param_groups} == {0.0, 0.2}
    assert len(again.optimiser.state) == len(run.optimiser.state) > 0
