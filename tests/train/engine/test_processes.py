import os
import socket
from dataclasses import replace

import pytest
import torch
from torch import multiprocessing, nn

from lineament.train.engine.loop import LoopConfig, Run
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.engine.processes import Processes, SharedBatchNorm, joined_processes
from lineament.train.engine.schedules import ScheduleConfig

LOOP = LoopConfig(
    steps=4,
    batch=8,
    optimiser=OptimiserConfig(kind="sgd", learning_rate=0.05),
    schedule=ScheduleConfig(shape="constant", warm_up=1),
    ema_decay=0.5,
    save_every=4,
    log_every=1,
)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3), nn.BatchNorm1d(3)
    )


def train(folder, processes):
    """Four steps on this process's rows of each batch; the end of the run."""
    run = Run(folder, network(), LOOP, processes=processes)
    generator = torch.Generator().manual_seed(1)
    rows = processes.rows_of(LOOP.batch)
    batches = [
        torch.randn(8, 2, 5, 5, generator=generator)[rows.start : rows.stop] for _ in range(LOOP.steps)
    ]
    run.train(batches, lambda network, batch: {"loss": (network(batch) - 1).abs().mean()})
    return run


def one_of_two(rank, port, folder):
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": "0", "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    with joined_processes() as processes:
        train(folder, processes)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_two_processes_train_as_one_with_the_double_batch(tmp_path):
    alone = train(tmp_path / "one", Processes(0, 1, torch.device("cpu")))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = (port, tmp_path / "two")
    multiprocessing.start_processes(one_of_two, arguments, nprocs=2, start_method="fork")
    together = torch.load(tmp_path / "two" / "checkpoint.pt", weights_only=True)
    for name, tensor in alone.network.state_dict().items():
        torch.testing.assert_close(together["network"][name], tensor, rtol=1e-5, atol=1e-6)
    for name, tensor in alone.ema.state_dict().items():
        torch.testing.assert_close(together["average"][name], tensor, rtol=1e-5, atol=1e-6)
    logs = [(tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("one", "two")]
    assert len(logs[0]) == len(logs[1]) == 4
    losses = [[line.split('"loss": ')[1] for line in log] for log in logs]
    assert [float(x[:-1]) for x in losses[0]] == pytest.approx([float(x[:-1]) for x in losses[1]], abs=2e-5)
    # A run of two processes goes on with one.
    again = Run(tmp_path / "two", network(), replace(LOOP, steps=5))
    assert again.step == 4


def test_shared_normalisation_evaluates_as_torchs_own():
    torch.manual_seed(0)
    own = nn.BatchNorm2d(3)
    own(torch.randn(5, 3, 4, 4))
    shared = SharedBatchNorm(3)
    shared.load_state_dict(own.state_dict())
    batch = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(shared.eval()(batch), own.eval()(batch))


def test_without_torchrun_there_is_one_process(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined_processes() as processes:
        assert (processes.rank, processes.count, processes.is_first) == (0, 1, True)
        assert list(processes.rows_of(3)) == [0, 1, 2]
