"""The noise schedule of a variance-preserving diffusion, relative to its data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from interpolants.interpolant.schedule.base import Schedule
from interpolants.interpolant.schedule.linear import LinearSchedule
from interpolants.utils.quadrature import gauss_legendre

_NODES = 64


@final
@dataclass(frozen=True, kw_only=True)
class VariancePreservingSchedule(Schedule):
    """f(s) = sqrt(beta(s)) exp(1/2 int_0^s beta).

    dX = -beta X / 2 ds + sqrt(beta) dB shrinks the data by c = exp(-1/2 int beta). X / c leaves
    the data unscaled and has the noise f dB, for any driver B, so the two processes differ by a
    known factor. The integral of f^2 is exp(int beta) - 1; that of f is computed by quadrature.

    Args:
        beta: the rate, >= 0.
    """

    beta: Schedule = field(default=LinearSchedule(start=0.1, end=20.0))

    def value(self, s: Tensor) -> Tensor:
        return self.beta.value(s).sqrt() * torch.exp(0.5 * self.beta.integral(s))

    def integral(self, s: Tensor) -> Tensor:
        nodes, weights = (part.to(s) for part in gauss_legendre(_NODES))
        # At squares of the nodes, where the root of a rate that is zero at s = 0 is smooth.
        return s * (self.value(s.unsqueeze(-1) * nodes.square()) @ (2 * nodes * weights))

    def square_integral(self, s: Tensor) -> Tensor:
        return torch.expm1(self.beta.integral(s))
