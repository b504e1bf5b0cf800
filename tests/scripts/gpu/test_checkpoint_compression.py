import pytest
import torch
from torch import nn

from lineament.errors import DataError
from lineament.train.engine.loop import LoopConfig, Run
from scripts.gpu.checkpoint_compression import join_checkpoint, split_checkpoint

CONFIG = LoopConfig(steps=6, batch=4, save_every=1, log_every=6)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(100, 100), nn.BatchNorm1d(100), nn.Linear(100, 2))


def go_on(folder, last):
    run = Run(folder, network(), CONFIG)
    batches = [torch.randn(4, 100, generator=torch.Generator().manual_seed(n)) for n in range(run.step, last)]
    run.train(batches, lambda network, batch: {"loss": network(batch).square().mean()})
    return run


@pytest.mark.parametrize(
    ("budget", "level"), [(10**6, "exact"), (120_000, "half"), (60_000, "weights"), (32_000, "average")]
)
def test_a_run_goes_on_from_parts_as_well_as_the_budget_allows(tmp_path, budget, level):
    run = go_on(tmp_path / "run", 3)
    parts, found = split_checkpoint(run.checkpoint, tmp_path / "parts", budget=budget, part=20_000)
    assert found == level
    sizes = [part.stat().st_size for part in parts]
    assert sum(sizes) <= budget
    assert max(sizes) <= 20_000
    assert join_checkpoint(tmp_path / "parts", tmp_path / "again" / "checkpoint.pt") == level
    again = Run(tmp_path / "again", network(), CONFIG)
    assert again.step == 3
    for name, tensor in run.ema.state_dict().items():
        torch.testing.assert_close(again.ema.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)
    whole, parted = go_on(tmp_path / "run", 6), go_on(tmp_path / "again", 6)
    tolerance = {"exact": 0.0, "half": 1e-3}.get(level, 0.05)
    for name, tensor in whole.network.state_dict().items():
        torch.testing.assert_close(parted.network.state_dict()[name], tensor, rtol=0, atol=tolerance)


def test_what_cannot_be_put_together_is_said(tmp_path):
    run = go_on(tmp_path / "run", 1)
    with pytest.raises(DataError, match="budget is 100"):
        split_checkpoint(run.checkpoint, tmp_path / "parts", budget=100)
    with pytest.raises(DataError, match=r"no checkpoint\.00"):
        join_checkpoint(tmp_path / "parts", tmp_path / "c.pt")
    split_checkpoint(run.checkpoint, tmp_path / "parts", budget=10**6, part=20_000)[0][-1].unlink()
    with pytest.raises(DataError, match="one is missing"):
        join_checkpoint(tmp_path / "parts", tmp_path / "c.pt")
