"""Several processes that train one network together, started by ``torchrun`` (``mammoviewer train --processes N``).

Each process takes its share of every batch; gradients are averaged, weighted by the shares, so that the result is that
of one process up to rounding; batch norm alone looks at the share of its process. Process 0 alone tells events, writes
checkpoints and publishes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn


@dataclass(frozen=True)
class Group:
    """The processes of a run, and which of them this is."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Return whether this process tells and writes."""
        return self.rank == 0

    def share(self, chosen: Tensor) -> Tensor:
        """Return this process's part of a batch."""
        return chosen[self.rank :: self.size]

    def wrap(self, network: nn.Module) -> nn.Module:
        """Return ``network`` so that its gradients are averaged over the processes."""
        if self.size == 1:
            return network
        return nn.parallel.DistributedDataParallel(network)

    def mean(self, value: float) -> float:
        """Return the mean of a value over the processes."""
        if self.size == 1:
            return value
        total = torch.tensor([value], dtype=torch.float64, device=_device())
        distributed.all_reduce(total)
        return float(total) / self.size

    def total(self, value: float) -> float:
        """Return the sum of a value over the processes."""
        return self.mean(value) * self.size

    def average_gradients(self, network: nn.Module, share: float) -> None:
        """Add up the gradients of all processes, each times its ``share`` of the batch."""
        if self.size == 1:
            return
        for weight in network.parameters():
            if weight.requires_grad:
                gradient = torch.zeros_like(weight) if weight.grad is None else weight.grad * share
                distributed.all_reduce(gradient)
                weight.grad = gradient

    def from_first(self, value: float) -> float:
        """Return what process 0 says."""
        if self.size == 1:
            return value
        said = torch.tensor([value], dtype=torch.float64, device=_device())
        distributed.broadcast(said, 0)
        return float(said)

    def begin_alike(self, network: nn.Module) -> None:
        """Give every process the weights of process 0."""
        if self.size > 1:
            for weight in network.parameters():
                distributed.broadcast(weight.detach(), 0)

    def align(self, network: nn.Module) -> None:
        """Give every process the running statistics of process 0."""
        if self.size > 1:
            for buffer in network.buffers():
                distributed.broadcast(buffer, 0)

    def wait(self) -> None:
        """Return when every process is here."""
        if self.size > 1:
            distributed.barrier()


def present_group() -> Group:
    """Return the processes that this one was started with; one process where there are no others."""
    if distributed.is_available() and distributed.is_initialized():
        return Group(distributed.get_rank(), distributed.get_world_size())
    return Group()


@contextmanager
def joined_group() -> Iterator[Group]:
    """Join the processes that ``torchrun`` started, by NCCL on GPUs and Gloo elsewhere, for the length of the block."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Group()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield present_group()
    finally:
        distributed.destroy_process_group()


def _device() -> torch.device:
    return torch.device("cuda" if distributed.get_backend() == "nccl" else "cpu")
