"""The mean of the data in place of a drift."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from interpolants.fields.conversions import Combination
from interpolants.interpolant.base import Coefficients
from interpolants.sampler.process.base import FieldProcess


@final
class TargetMean(FieldProcess):
    """E[x1 | x_t], for schemes that know the rest of the equation from the path."""

    def combination(self, t: Tensor) -> Combination:
        return self.fields.combination("target_mean", t)


def spacing(c: Coefficients) -> tuple[Tensor, Tensor]:
    """Steps h of log(beta / alpha), and the weight by which D is extrapolated in each, (N,).

    w = h_k / (2 h_{k-1}), to the middle of the step, and 0 where either is infinite. h is
    infinite, never NaN, where a step begins without data or ends without noise.
    """
    h = (c.beta.log() - c.alpha.log()).diff()
    w = torch.zeros_like(h)
    w[1:] = 0.5 * h[1:] / h[:-1]
    return h, torch.where(w.isfinite(), w, 0.0)
