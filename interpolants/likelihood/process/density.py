"""Processes that carry the logarithm of a density along their paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from interpolants.fields.divergence.base import Divergence
from interpolants.likelihood.process.augmented import AugmentedProcess
from interpolants.sampler.process.base import Process
from interpolants.utils.shapes import flatten_event


class DensityProcess(AugmentedProcess):
    """An event with l, the change of a log density along the path, beside it.

    There is one l for each estimate of the divergence. The state also numbers the samples where
    the divergence has probes, so that each sample keeps its own wherever a solver puts it.

    Args:
        process, event_shape, backward: as in `AugmentedProcess`.
        divergence: how divergences are evaluated.
        probes: of all samples, (n, columns, D), as the divergence draws them.
    """

    def __init__(
        self,
        process: Process,
        *,
        event_shape: Sequence[int],
        backward: bool,
        divergence: Divergence,
        probes: Tensor,
    ) -> None:
        super().__init__(process, event_shape=event_shape, backward=backward)
        self.divergence = divergence
        self.probes = probes

    def initial_state(self, x: Tensor, log_density: Tensor, first: int = 0) -> Tensor:
        """The state of events (B, *event) with l = `log_density`, (B,), at the first node.

        Samples are numbered from `first` on.
        """
        columns = log_density.unsqueeze(1).expand(-1, self.divergence.columns)
        if self.divergence.random:
            number = torch.arange(first, first + len(x), device=x.device).to(x)
            columns = torch.cat([columns, number.unsqueeze(1)], dim=1)
        return self.join(x, columns)

    def log_density(self, y: Tensor) -> Tensor:
        """l, (B, columns)."""
        return y[:, self.dim : self.dim + self.divergence.columns]

    def diverge(
        self, f: Callable[[Tensor], Sequence[Tensor]], y: Tensor
    ) -> tuple[list[Tensor], Tensor]:
        """Fields at the state's events, each (B, D), and the divergence of the first.

        Args:
            f: events to fields, (B, *event).
            y: states, (B, D + k).
        """
        own = self.probes[y[:, -1].round().long()] if self.divergence.random else self.probes
        values, divergence = self.divergence(
            lambda x: tuple(flatten_event(v) for v in f(self.event(x))), y[:, : self.dim], own
        )
        return list(values), divergence

    def rates(self, drift: Tensor, rate: Tensor, y: Tensor) -> Tensor:
        """The drift of the state: of its event (B, D), of l (B, columns), and of no number."""
        still = y.new_zeros(len(y), y.shape[1] - drift.shape[1] - rate.shape[1])
        return torch.cat([drift, rate, still], dim=1)
