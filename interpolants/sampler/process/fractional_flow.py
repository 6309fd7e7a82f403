"""The probability flow of a diffusion with fractional noise."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from interpolants.driver.fractional_noise import FractionalNoise
from interpolants.fields.fields import Fields
from interpolants.interpolant.base import AffineInterpolant
from interpolants.sampler.plan import TimeCoefficients
from interpolants.sampler.process.base import DEFAULT_CUT
from interpolants.sampler.process.memory import MemoryProcess
from interpolants.sampler.process.target_mean import log_ratio
from interpolants.utils.checks import check


@final
class FractionalFlow(MemoryProcess):
    """Carries a normal (x0, eta) to the data, on the clock of the path that the fields are of.

    x = shift + alpha e + beta D has the distribution of the path at every t, for any noise: it is
    a sufficient statistic of X and its memory for the data. For fixed D the flow rotates
    e = (x - shift - beta D) / alpha and the memory eta, K numbers in an orthonormal basis, into
    each other. All of it is of order one: float32 suffices. Without states it is the flow of the
    path. eta is drawn in the first step; there is no other noise. Until alpha / beta has come down
    to level(1) the memory is not used: that much noise is added by other means.

    Args:
        fields: the learned fields, of a one-sided affine path; they must have a score.
        noise: what the diffusion adds to the data.
        cut: distance kept from an end where D does not follow, in (0, 0.5).
    """

    def __init__(
        self, *, fields: Fields, noise: FractionalNoise, cut: float = DEFAULT_CUT
    ) -> None:
        path = fields.interpolant
        fits = isinstance(path, AffineInterpolant) and path.one_sided
        rule = "fields of a one-sided affine path"
        check(fits, "FractionalFlow.fields", rule, type(path).__name__)
        fields.check("score")
        super().__init__(fields=fields, cut=cut)
        self.noise = noise

    @property
    def states(self) -> int:
        return self.noise.states

    def steps(self, times: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        c, width = self.fields.coefficients(times), 1 + self.states
        clock = self.noise.time(c.alpha / c.beta)
        matrix, scale = self.noise.rotation(clock), torch.ones(len(times), width).to(c.alpha)
        scale[:, 0] = c.alpha
        matrix = scale[1:].unsqueeze(-1) * matrix / scale[:-1].unsqueeze(-2)
        shift, from_x = c.shift.expand_as(times), matrix[..., 0]
        gain, constant = -from_x * c.beta[:-1, None], -from_x * shift[:-1, None]
        gain[:, 0] += c.beta[1:]
        constant[:, 0] += shift[1:]
        root = torch.zeros_like(matrix)
        root[0, 1:] = matrix[0, :, 1:].T
        return matrix, gain, constant, root

    def log_ratio(self, times: Tensor) -> Tensor:
        """log(beta / alpha): D is extrapolated as in DPM-Solver++(2M)."""
        return log_ratio(self.fields.coefficients(times))

    def seen(self, c: TimeCoefficients, state: Tensor) -> tuple[TimeCoefficients, Tensor]:
        return c, self.decode(state)
