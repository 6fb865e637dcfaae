"""A running mean of the weights of a fit: steadier than the last ones where few examples pull to and fro."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class WeightAverage:
    """The weights that count: the mean of those after each step, of which the earlier ones weigh less.

    Parameters
    ----------
    network
        What is trained, on the device on which it is trained.
    share
        By so much less a step weigh the weights of the step before; 0 takes the last ones.
    """

    def __init__(self, network: nn.Module, share: float) -> None:
        self._network = network
        self._mean = AveragedModel(network, avg_fn=_fading(share), use_buffers=True) if share else None

    def update(self) -> None:
        """Take the weights after a step in."""
        if self._mean is not None:
            self._mean.update_parameters(self._network)

    @contextmanager
    def judged(self) -> Iterator[None]:
        """Let the network have the weights that count."""
        if self._mean is None:
            yield
            return
        learning = {name: value.clone() for name, value in self._network.state_dict().items()}
        self.settle()
        try:
            yield
        finally:
            self._network.load_state_dict(learning)

    def settle(self) -> None:
        """Leave the network with the weights that count."""
        if self._mean is not None:
            self._network.load_state_dict(self._mean.module.state_dict())

    def state(self) -> dict[str, Any] | None:
        """Return what :meth:`restore` goes on from."""
        return None if self._mean is None else self._mean.state_dict()

    def restore(self, state: dict[str, Any] | None) -> None:
        """Go on from an earlier state, or, of a fit that had no mean yet, from the weights of the network."""
        if self._mean is None:
            return
        if state is None:
            self._mean.module.load_state_dict(self._network.state_dict())
        else:
            self._mean.load_state_dict(state)


def _fading(share: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    def mean(before: Tensor, now: Tensor, _count: Tensor | int) -> Tensor:
        return share * before + (1 - share) * now

    return mean
