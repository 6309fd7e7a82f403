"""The mean of the data in place of a drift."""

from __future__ import annotations

from typing import final

from torch import Tensor

from interpolants.fields.conversions import Combination
from interpolants.interpolant.base import Coefficients
from interpolants.sampler.process.base import FieldProcess
from interpolants.sampler.remembered import Reach, half_ratios

# Of steps in log(beta / alpha). D comes to rest towards the data, where this clock runs to
# infinity: to extrapolate it further would miss. Smooth grids have at most log 2 / log 1.5.
REACH = Reach(2.0, longest=1.0)


@final
class TargetMean(FieldProcess):
    """E[x1 | x_t], for schemes that know the rest of the equation from the path."""

    def combination(self, t: Tensor) -> Combination:
        return self.fields.combination("target_mean", t)


def spacing(c: Coefficients) -> tuple[Tensor, Tensor]:
    """Steps h of log(beta / alpha), and the weight by which D is extrapolated in each, (N,).

    w = h_k / (2 h_{k-1}), to the middle of the step, with the remembered node in place of the last
    one and 0 where either is infinite. h is infinite, never NaN, where a step begins without data
    or ends without noise.
    """
    clock = log_ratio(c)
    return clock.diff(), half_ratios(clock, REACH)


def log_ratio(c: Coefficients) -> Tensor:
    """log(beta / alpha), of the coefficients' shape."""
    return c.beta.log() - c.alpha.log()
