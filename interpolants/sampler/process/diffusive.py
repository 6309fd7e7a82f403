"""The common part of the forward and the backward SDE: the score term and its noise."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from interpolants.fields.conversions import Combination, add, scale
from interpolants.fields.fields import Fields
from interpolants.interpolant.base import Coefficients
from interpolants.sampler.epsilon.base import Epsilon
from interpolants.sampler.epsilon.constant import ConstantEpsilon
from interpolants.sampler.process.base import DEFAULT_CUT, FieldProcess
from interpolants.utils.checks import check


class DiffusiveProcess(FieldProcess):
    """dX = (b +- epsilon s) dt + sqrt(2 epsilon) dW, with + forward and - backward in time.

    Args:
        fields: the learned fields; they must have a score.
        epsilon: the diffusivity; a number is a constant one.
        cut: distance kept from an end where the drift is singular, in (0, 0.5).
    """

    noise_type: ClassVar[str] = "additive"

    def __init__(
        self, *, fields: Fields, epsilon: Epsilon | float, cut: float = DEFAULT_CUT
    ) -> None:
        fields.check("score")
        if isinstance(epsilon, (int, float)):
            epsilon = ConstantEpsilon(c=epsilon)
        known = isinstance(epsilon, Epsilon)
        check(known, f"{type(self).__name__}.epsilon", "an Epsilon or a number > 0", epsilon)
        self.epsilon: Epsilon = epsilon
        self.epsilon.check(fields.interpolant)
        super().__init__(fields=fields, cut=cut)

    def combination(self, t: Tensor) -> Combination:
        fields = self.fields
        velocity = fields.combination("velocity", t)
        sign = -1.0 if self.backward else 1.0
        if not {"score", "multiplicative_score"}.isdisjoint(fields.predicts):
            score = fields.combination("score", t)
            return add(velocity, scale(sign * self.diffusivity(t), score))
        ratio = self.epsilon.ratio(t, *self._path_at(t))
        return add(velocity, scale(-sign * ratio, fields.combination("denoiser", t)))

    def diffusivity(self, t: Tensor) -> Tensor:
        """epsilon at times t, of t's shape."""
        return self.epsilon.value(t, *self._path_at(t))

    def diffusion(self, t: Tensor) -> Tensor:
        return torch.sqrt(2 * self.diffusivity(t))

    def stiffness(self, t: Tensor) -> Tensor:
        """epsilon / level^2: how fast the score term pulls at the path's own noise."""
        _, level = self._path_at(t)
        return self.diffusivity(t) / level.square()

    def _path_at(self, t: Tensor) -> tuple[Coefficients, Tensor]:
        """The path's coefficients and its noise level."""
        c = self.fields.coefficients(t)
        return c, self.fields.interpolant.noise_level(c)
