"""Stochastic interpolants: paths with exact time derivatives (arXiv 2303.08797, section 2).

    x_t     = I(t, x0, x1) + gamma(t) z,        z ~ N(0, Id), independent of (x0, x1)
    xt_dot  = dI/dt + gamma_dot(t) z

The fields that quadratic objectives learn are conditional means along the path:

    velocity       b(t, x)   = E[ xt_dot | x_t = x ]
    mean_velocity  v(t, x)   = E[ dI/dt  | x_t = x ]
    denoiser       eta(t, x) = E[ z      | x_t = x ]
    target_mean              = E[ x1     | x_t = x ]
    score          s(t, x)   = grad log p_t(x) = -eta / gamma

A *one-sided* path x_t = alpha(t) x0 + beta(t) x1 starts from a standard normal x0, which is
itself the latent noise: z is x0, gamma is zero, and score = -eta / alpha.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from interpolants.interpolant.gamma.base import Gamma
from interpolants.interpolant.gamma.zero import ZeroGamma
from interpolants.utils.shapes import expand_time


class InterpolantSample(NamedTuple):
    """Batch of points on paths.

    In antithetic pairs, the tensors that differ between the two have a leading axis of two
    signs, (2, B, *event), against which the others broadcast.

    Attributes:
        t: times, 0-d or (B,).
        x0, x1: the ends, (B, *event).
        z: the latent noise; on a one-sided path this is x0.
        xt: the points.
        xt_dot: the time derivative of the path, latent noise included.
        mean_dot: dI/dt alone.
    """

    t: Tensor
    x0: Tensor
    x1: Tensor
    z: Tensor
    xt: Tensor
    xt_dot: Tensor
    mean_dot: Tensor


class Coefficients(NamedTuple):
    """Coefficients of x_t = shift + alpha x0 + beta x1 + gamma z, with derivatives.

    Each has t's shape. `gamma_gamma_dot` is the product gamma * gamma_dot, finite where gamma_dot
    is not. The shift is zero on most paths.
    """

    alpha: Tensor
    beta: Tensor
    gamma: Tensor
    alpha_dot: Tensor
    beta_dot: Tensor
    gamma_dot: Tensor
    gamma_gamma_dot: Tensor
    shift: Tensor = torch.zeros(())
    shift_dot: Tensor = torch.zeros(())

    @property
    def determinant(self) -> Tensor:
        """alpha beta_dot - alpha_dot beta, which conversions between fields divide by."""
        return self.alpha * self.beta_dot - self.alpha_dot * self.beta


class Interpolant(abc.ABC):
    """A path between x0 at t=0 and x1 at t=1.

    Attributes:
        gamma: level of the latent noise.
        one_sided: whether x0 is itself the latent noise, which must then be standard normal.
        is_mirror: whether dI/dt vanishes, so that the denoiser alone determines every field.
        exact_ends: whether the path is exactly x0 at t=0 and x1 at t=1 (x1 at both on a mirror),
            and not only approximately.
    """

    gamma: Gamma
    one_sided: ClassVar[bool] = False
    is_mirror: ClassVar[bool] = False
    exact_ends: ClassVar[bool] = True

    @abc.abstractmethod
    def interpolate(self, t: Tensor, x0: Tensor, x1: Tensor) -> tuple[Tensor, Tensor]:
        """I(t, x0, x1) and its time derivative, each of x0's shape.

        Args:
            t: times, 0-d or (B,).
            x0: (B, *event); on a one-sided path also (2, B, *event), an antithetic pair.
            x1: (B, *event).
        """

    def noise_level(self, c: Coefficients) -> Tensor:
        """Level of the path's own Gaussian noise: alpha on a one-sided path, else gamma."""
        return c.alpha if self.one_sided else c.gamma

    def sample(self, t: Tensor, x0: Tensor, x1: Tensor, z: Tensor) -> InterpolantSample:
        """Points on the paths at times t (0-d or (B,)), with their exact time derivatives.

        On a one-sided path `z` is ignored: the latent noise is x0.
        """
        mean, mean_dot = self.interpolate(t, x0, x1)
        if self.gamma.is_zero:
            latent = x0 if self.one_sided else z
            return InterpolantSample(t, x0, x1, latent, mean, mean_dot, mean_dot)
        level, level_dot = self.gamma.value_and_dot(expand_time(t, z))
        xt, xt_dot = mean + level * z, mean_dot + level_dot * z
        return InterpolantSample(t, x0, x1, z, xt, xt_dot, mean_dot)

    def sample_pairs(self, t: Tensor, x0: Tensor, x1: Tensor, z: Tensor) -> InterpolantSample:
        """Antithetic pairs of points, with the latent noise and with its negative.

        On a one-sided path x0 changes its sign, in `x0` and `mean_dot` too. Without latent noise
        the two points coincide, and there is no axis of signs.
        """
        if self.one_sided:
            both = torch.stack([x0, -x0])
            xt, dot = self.interpolate(t, both, x1)
            return InterpolantSample(t, both, x1, both, xt, dot, dot)
        if self.gamma.is_zero:
            return self.sample(t, x0, x1, z)
        mean, mean_dot = self.interpolate(t, x0, x1)
        level, level_dot = self.gamma.value_and_dot(expand_time(t, z))
        both = torch.stack([z, -z])
        xt = torch.addcmul(mean, level, both)
        xt_dot = torch.addcmul(mean_dot, level_dot, both)
        return InterpolantSample(t, x0, x1, both, xt, xt_dot, mean_dot)


@dataclass(frozen=True, kw_only=True)
class AffineInterpolant(Interpolant):
    """x_t = shift(t) + alpha(t) x0 + beta(t) x1 + gamma(t) z; subclasses define alpha and beta.

    Attributes:
        determinate: whether alpha beta_dot - alpha_dot beta is non-zero inside (0, 1), so that
            the mean of x1 given x_t follows from velocity and denoiser.
    """

    determinate: ClassVar[bool] = True

    @abc.abstractmethod
    def alpha_beta(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """alpha, beta, alpha_dot, beta_dot at t, each of t's shape."""

    @property
    def shifted(self) -> bool:
        """True if there is a shift, a known function of time, which the subclass then defines."""
        return False

    def shift(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """The shift and its derivative at t, each of t's shape."""
        return torch.zeros_like(t), torch.zeros_like(t)

    def coefficients(self, t: Tensor) -> Coefficients:
        """All coefficients and their derivatives at t (any shape)."""
        alpha, beta, alpha_dot, beta_dot = self.alpha_beta(t)
        gamma, gamma_dot = self.gamma.value_and_dot(t)
        product = self.gamma.value_dot(t)
        values = alpha, beta, gamma, alpha_dot, beta_dot, gamma_dot, product
        return Coefficients(*values, *self.shift(t))

    def alpha_alpha_dot(self, t: Tensor) -> Tensor:
        """The product alpha alpha_dot, of t's shape, finite where alpha_dot is not."""
        alpha, _, alpha_dot, _ = self.alpha_beta(t)
        return alpha * alpha_dot

    def log_snr(self, t: Tensor) -> Tensor:
        """log(beta / alpha), of t's shape: the log signal-to-noise ratio of a one-sided path."""
        alpha, beta, _, _ = self.alpha_beta(t)
        return beta.log() - alpha.log()

    def interpolate(self, t: Tensor, x0: Tensor, x1: Tensor) -> tuple[Tensor, Tensor]:
        alpha, beta, alpha_dot, beta_dot = self.alpha_beta(expand_time(t, x1))
        mean = torch.addcmul(alpha * x0, beta, x1)
        mean_dot = torch.addcmul(alpha_dot * x0, beta_dot, x1)
        if not self.shifted:
            return mean, mean_dot
        shift, shift_dot = self.shift(expand_time(t, x1))
        return mean + shift, mean_dot + shift_dot


@dataclass(frozen=True, kw_only=True)
class OneSidedInterpolant(AffineInterpolant):
    """x_t = alpha(t) x0 + beta(t) x1 with x0 standard normal: no latent noise besides x0."""

    one_sided: ClassVar[bool] = True
    gamma: Gamma = field(default=ZeroGamma(), init=False)
