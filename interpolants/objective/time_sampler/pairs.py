"""Pairs of training times: which jumps a flow map learns."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import torch
from torch import Tensor

from interpolants.fields.jumps import Jumps
from interpolants.objective.time_sampler.base import TimeSampler, check_margin, uniforms
from interpolants.utils.checks import check, check_open_interval, is_whole


@dataclass(frozen=True, kw_only=True)
class TimePairs(TimeSampler):
    """Distribution of pairs (s, t), of which a share has s = t.

    The share is the same in every consecutive part of a batch. Its rows train the velocity,
    without which a map of any velocity would do; the others train the jumps.

    Args:
        diagonal: share of pairs with s = t, in (0, 1).
        both: whether half of the jumps go backward, s > t, so that the inverse map is learned too.
        warmup: steps over which the largest gap grows from 0 to 1; 0 for all gaps at once.
        margin: distance of all times from 0 and 1, in (0, 0.5).
    """

    diagonal: float = 0.5
    both: bool = False
    warmup: int = 0
    margin: float = 1e-3

    def __post_init__(self) -> None:
        name = type(self).__name__
        check_open_interval(f"{name}.diagonal", self.diagonal, 0, 1)
        check(isinstance(self.both, bool), f"{name}.both", "true or false", self.both)
        good = is_whole(self.warmup) and self.warmup >= 0
        check(good, f"{name}.warmup", "a whole number >= 0", self.warmup)
        check_margin(f"{name}.margin", self.margin)

    @property
    def jumps(self) -> Jumps:
        return Jumps(backward=self.both)

    @abc.abstractmethod
    def apart(self, n: int, largest: float, generator: torch.Generator) -> Tensor:
        """Pairs 0 <= s < t <= 1 with t - s at most `largest`, (n, 2)."""

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        return self._pairs(n, 1.0, generator), None

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """Pairs of times in [margin, 1 - margin], (n, 2), and None."""
        return self.sample_at(self.warmup, n, generator)

    def sample_at(
        self, step: int, n: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        """Pairs of times as of `sample`, with gaps that grow over the warm-up."""
        largest = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        pairs = self._pairs(n, largest, generator)
        return pairs * (1 - 2 * self.margin) + self.margin, None

    def _pairs(self, n: int, largest: float, generator: torch.Generator) -> Tensor:
        pairs = self.apart(n, largest, generator)
        if self.both:
            swapped = uniforms(n, generator) < 0.5
            pairs = torch.where(swapped[:, None], pairs.flip(1), pairs)
        alone = uniforms(n, generator)[:, None].expand(n, 2)
        return torch.where(self._diagonal_rows(n, pairs.device)[:, None], alone, pairs)

    def _diagonal_rows(self, n: int, device: torch.device) -> Tensor:
        """Rows on the diagonal, spread evenly."""
        count = (torch.arange(n + 1, device=device, dtype=torch.float64) * self.diagonal).floor()
        return count.diff() > 0
