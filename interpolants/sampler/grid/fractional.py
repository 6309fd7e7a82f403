"""A grid of equal steps on the clock of a diffusion with fractional noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.driver.fractional_noise import FractionalNoise
from interpolants.sampler.grid.base import Grid, LogSNR
from interpolants.sampler.grid.log_snr import times_of
from interpolants.utils.checks import check


@final
@dataclass(frozen=True, kw_only=True)
class FractionalGrid(Grid):
    """Nodes with alpha(t) / beta(t) = level(s) at equally spaced s, on one-sided paths.

    This is all that fractional noise changes in the reversal of a diffusion, for fields that
    were learned on a path with any other noise. With `ForwardSDE` or `Ancestral` it samples arXiv
    2310.17638 exactly in the noise, with H, speeds and rate chosen after training.

    Where the path begins with more noise than level(1), that level is reached first, in as many
    equal steps of t as its share of the span. To start there as if x held no data would be wrong,
    the more so as more states lower it.

    Args:
        noise: what the diffusion adds to the data.
    """

    noise: FractionalNoise

    def nodes(self, num_steps: int, span: tuple[float, float], log_snr: LogSNR | None) -> Tensor:
        check(
            log_snr is not None,
            "Sampler.grid",
            "a grid that fits a two-sided path",
            "FractionalGrid",
            "use sampler/grid=sine_squared, or a one-sided interpolant",
        )
        assert log_snr is not None
        limits = torch.tensor(span, dtype=torch.float64)
        levels = torch.exp(-log_snr(limits))
        first, last = self.noise.time(levels).tolist()
        top = times_of(log_snr, -self.noise.level(limits.new_tensor([first])).log(), limits)
        share = float((top - limits[0]) / (limits[1] - limits[0]))
        above = 0
        if float(levels[0]) > self.noise.top and num_steps > 1:
            above = min(max(1, round(share * num_steps)), num_steps - 1)
        clock = torch.linspace(first, last, num_steps - above + 1, dtype=torch.float64)
        nodes = times_of(log_snr, -self.noise.level(clock).log(), limits)
        before = torch.linspace(span[0], float(nodes[0]), above + 1, dtype=torch.float64)
        return torch.cat([before[:-1], nodes])
