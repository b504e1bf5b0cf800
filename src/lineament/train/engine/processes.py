"""The processes that train one network together, as ``torchrun`` starts them; or just this one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from lineament.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Processes:
    """What a process knows of the others.

    Attributes:
        rank: number of this process; 0 writes files.
        count: of all processes.
        device: this process computes on.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def rows_of(self, batch: int) -> range:
        """The rows of a batch that are this process's.

        Raises:
            ConfigError: the batch cannot be shared out evenly.
        """
        if batch % self.count:
            raise ConfigError(f"A batch of {batch} cannot be shared by {self.count} processes evenly.")
        each = batch // self.count
        return range(self.rank * each, (self.rank + 1) * each)

    def joined(self, network: nn.Module) -> nn.Module:
        """The network as all processes train it: gradients averaged, normalisation over all their rows."""
        if self.count == 1:
            return network
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=devices)

    def mean(self, values: Tensor) -> Tensor:
        """The mean of a tensor over all processes."""
        if self.count == 1:
            return values
        values = values.clone()
        distributed.all_reduce(values)
        return values / self.count

    def first_says(self, answer: bool) -> bool:
        """The first process's answer, for all: clocks differ, and it is the one that writes files."""
        return bool(self.mean(torch.tensor(float(answer and self.is_first), device=self.device)) > 0)


@contextmanager
def joined_processes() -> Iterator[Processes]:
    """The processes of this run, from the variables that ``torchrun`` sets; alone without them."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    if count == 1:
        yield Processes(0, 1, device)
        return
    distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Processes(distributed.get_rank(), count, device)
    finally:
        distributed.destroy_process_group()


class _Total(torch.autograd.Function):
    """Sum of a tensor over all processes, through which gradients flow back to all of them."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:  # noqa: ANN401 - autograd's own
        values = values.clone()
        distributed.all_reduce(values)
        return values

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401
        gradient = gradient.clone()
        distributed.all_reduce(gradient)
        return gradient


class SharedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation over the rows of all processes; torch's own does that on GPUs only."""

    def _check_input_dim(self, features: Tensor) -> None:
        """Any (B, C, ...) will do."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, ...) normalised by the statistics of all processes' rows."""
        if not self.training:
            return super().forward(features)
        own = features.float()
        axes = [axis for axis in range(own.ndim) if axis != 1]
        count = own.new_tensor([own.numel() / own.shape[1]])
        sums = _Total.apply(torch.cat([own.sum(axes), (own**2).sum(axes), count]))
        total = sums[-1]
        mean, square = (sums[:-1] / total).chunk(2)
        variance = (square - mean**2).clamp(min=0)
        self._follow(mean.detach(), variance.detach() * total / (total - 1))
        shape = [1, -1] + [1] * (own.ndim - 2)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shifted = (own - mean.view(shape)) * scale.view(shape) + self.bias.view(shape)
        return shifted.to(features.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


def synchronise_normalisation(network: nn.Module, processes: Processes) -> nn.Module:
    """The network with its batch normalisation over all processes; names of weights stay."""
    if processes.count == 1:
        return network
    if processes.device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.modules.batchnorm._BatchNorm):
                shared = SharedBatchNorm(child.num_features, eps=child.eps, momentum=child.momentum)
                shared.load_state_dict(child.state_dict())
                setattr(parent, name, shared)
    return network
