"""What descriptors L_dff compares faces by: a trained network's, a random one's, or an early layer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.config_file import from_table
from lineament.errors import ConfigError, DataError
from lineament.train.engine.run_folder import ABOUT, CONFIG, read_table
from lineament.train.networks.dff.descriptor import DescriptorConfig, DescriptorNet, unit_length
from lineament.train.networks.regressor import Regressor, RegressorConfig
from lineament.train.runs.method import ema_state

EARLY_LAYERS = 4
"""Of the compact regressor: its stem and the first residual block."""


@dataclass(frozen=True, slots=True)
class DescriptorChoice:
    """Which descriptors.

    Attributes:
        net: "trained": of a run of ``lineament train dff-descriptor``; "random": of a network of `random`'s
            sizes that has learnt nothing; "encoder": an early layer of the regressor of a run.
        run: the run folder; none for "random".
        random: sizes of the random network.
        seed: of its weights.
    """

    net: Literal["trained", "random", "encoder"] = "trained"
    run: str = ""
    random: DescriptorConfig = DescriptorConfig()
    seed: int = 1

    def open(self) -> nn.Module:
        """Crops in 0..255, (B, 3, S, S) of any size, to (B, C, s, s) unit descriptors; frozen.

        Raises:
            ConfigError: a run is needed and not named, or is of something else.
            DataError: the folder holds no run.
        """
        if self.net == "random":
            with torch.random.fork_rng():
                torch.manual_seed(self.seed)
                return UnitDescriptors(DescriptorNet(self.random)).eval().requires_grad_(False)
        if not self.run:
            raise ConfigError(
                f"dff.net is {self.net!r}, which is read from a run folder: name it as dff.run, train one "
                f"with `lineament train dff-descriptor`, or set loss.w_dff to 0."
            )
        run = Path(self.run)
        found = str(read_table(run, ABOUT).get("method"))
        wanted = {"trained": "dff-descriptor", "encoder": "regressor"}[self.net]
        if found != wanted:
            raise ConfigError(f"{run} is a run of {found!r}; dff.net = {self.net!r} needs one of {wanted!r}.")
        network = read_table(run, CONFIG)["network"]
        if self.net == "encoder":
            regressor = Regressor(from_table(RegressorConfig, network, where=str(run), former=True))
            regressor.load_state_dict(ema_state(run))
            return EarlyLayer(regressor).eval().requires_grad_(False)
        return UnitDescriptors(trained_descriptor(run)).eval().requires_grad_(False)


def trained_descriptor(run: Path) -> DescriptorNet:
    """The averaged network of a run of ``dff-descriptor``, in evaluation mode.

    Raises:
        DataError: the folder holds no run.
    """
    table = read_table(run, CONFIG)
    if "network" not in table:
        raise DataError(f"{run / CONFIG} says nothing of a network: it is no run of dff-descriptor.")
    network = DescriptorNet(from_table(DescriptorConfig, table["network"], where=str(run), former=True))
    network.load_state_dict(ema_state(run))
    return network.eval()


class UnitDescriptors(nn.Module):
    """A descriptor network on crops of any size.

    Args:
        network: trained or not.
    """

    def __init__(self, network: DescriptorNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, crop: Tensor) -> Tensor:
        """(B, 3, S, S) in 0..255 to (B, C, s, s)."""
        size = self.network.config.crop_size
        if crop.shape[-1] != size:
            crop = functional.interpolate(
                crop, (size, size), mode="bilinear", antialias=size < crop.shape[-1]
            )
        return self.network(crop).unit


class EarlyLayer(nn.Module):
    """Features of the first layers of a compact regressor, scaled to length one.

    Args:
        network: trained.
    """

    def __init__(self, network: Regressor) -> None:
        super().__init__()
        self.layers = network.features[:EARLY_LAYERS]
        self.size = network.config.crop_size

    def forward(self, crop: Tensor) -> Tensor:
        """(B, 3, S, S) in 0..255 to (B, C, s, s)."""
        if crop.shape[-1] != self.size:
            crop = functional.interpolate(crop, (self.size, self.size), mode="bilinear", antialias=False)
        return unit_length(self.layers((crop - 127.5) / 64.0).float())


class RawColours(nn.Module):
    """The colours themselves, as descriptors to compare others with."""

    def forward(self, crop: Tensor) -> Tensor:
        """(B, 3, S, S) in 0..255 to (B, 3, S, S), of length one about grey."""
        return unit_length(crop / 127.5 - 1)
