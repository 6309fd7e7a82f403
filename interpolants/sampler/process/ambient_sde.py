"""The SDE from base to data in the original coordinates, where the networks see the logarithm."""

from __future__ import annotations

from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.fields.conversions import Combination
from interpolants.fields.fields import Fields
from interpolants.sampler.epsilon.base import Epsilon
from interpolants.sampler.plan import TimeCoefficients
from interpolants.sampler.process.base import DEFAULT_CUT, FieldProcess
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.utils.shapes import expand_time


@final
class AmbientSDE(FieldProcess):
    """X = exp(Y) of the forward SDE dY = F dt + g dW of the networks' coordinates, by Ito:

        dX = X (F(t, log X) + g^2 / 2) dt + g X dW

    On the path of geometric Brownian motion with the epsilon of its time reversal this is the
    reverse SDE of arXiv 2510.02730: `EulerMaruyamaDiagonal` makes it the paper's sign-agnostic
    sampler, `Milstein` the same to strong order 1. `LogEuler` is Dale-Langevin, which the forward
    SDE with `EulerMaruyama` does at less cost, where g is constant; elsewhere it takes the mean of
    g^2 over a step and not its value at the start; the two differ by the order of the step.

    The equation stays positive and finite, and a scheme may not: a state that is not positive, or
    that its precision cannot hold (in float32, beyond exp(88)), is NaN from then on and counted in
    `Samples.outside`. X is the data itself only where the
    networks see log x as it is; elsewhere this is a change of variables and nothing more.

    Args:
        fields: the learned fields; they must have a score.
        epsilon: the diffusivity; a number is a constant one.
        cut: distance kept from an end where the drift is singular, in (0, 0.5).
    """

    noise_type: ClassVar[str] = "geometric"
    may_leave_domain: ClassVar[bool] = True

    def __init__(
        self, *, fields: Fields, epsilon: Epsilon | float, cut: float = DEFAULT_CUT
    ) -> None:
        self.chart = ForwardSDE(fields=fields, epsilon=epsilon, cut=cut)
        super().__init__(fields=fields, cut=cut)

    def combination(self, t: Tensor) -> Combination:
        """F as a combination of log X and the predictions."""
        return self.chart.combination(t)

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        half_square = 0.5 * self.diffusion(t).square()
        return x * (self.chart.drift(t, x.log()) + expand_time(half_square, x))

    def diffusion(self, t: Tensor) -> Tensor:
        return self.chart.diffusion(t)

    def stiffness(self, t: Tensor) -> Tensor:
        return self.chart.stiffness(t)

    def coefficients(self, t: Tensor) -> Tensor:
        g = self.diffusion(t)
        return torch.cat(
            [super().coefficients(t), torch.stack([0.5 * g.square(), g], dim=-1)], dim=-1
        )

    def drift_at(self, c: TimeCoefficients, x: Tensor) -> Tensor:
        *own, half_square, _ = c
        (drift,) = self._drift(tuple(own), x.log())
        return x * (drift + expand_time(half_square, x))

    def diffusion_at(self, c: TimeCoefficients, x: Tensor) -> Tensor:
        return expand_time(c[-1], x) * x

    def encode(self, x: Tensor) -> Tensor:
        return x.exp()

    def decode(self, state: Tensor) -> Tensor:
        # A zero too is outside, and an infinity might look like a number to a network.
        return torch.where((state > 0) & state.isfinite(), state.log(), torch.nan)
