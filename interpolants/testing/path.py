"""Contracts of gamma and of interpolants."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from interpolants.interpolant.base import AffineInterpolant, Interpolant
from interpolants.interpolant.gamma.base import Gamma
from interpolants.testing.common import (
    SHAPES,
    derivative,
    interior,
    normal,
    require,
    require_close,
)


def check_gamma(gamma: Gamma) -> None:
    """gamma is zero at both ends and non-negative, and its derivative is its derivative."""
    t, ends = interior(), torch.tensor([0.0, 1.0], dtype=torch.float64)
    require_close(gamma.value(ends), torch.zeros_like(ends), "gamma at the ends", 0.0)
    require(gamma.value_dot(ends).isfinite().all(), "gamma * gamma_dot: not finite at the ends")
    require((gamma.value(t) >= 0).all(), "gamma: negative inside (0, 1)")
    is_zero = bool((gamma.value(t) == 0).all())
    require(gamma.is_zero == is_zero, f"gamma.is_zero: {gamma.is_zero} but should be {is_zero}")
    require_close(gamma.dot(t), derivative(gamma.value, t), "gamma.dot against autodiff")
    product = gamma.value(t) * gamma.dot(t)
    require_close(gamma.value_dot(t), product, "gamma.value_dot against value * dot")
    for method in (gamma.value, gamma.dot, gamma.value_dot):
        for shape in ((), (3,), (2, 3)):
            got = method(torch.full(shape, 0.3))
            require(got.shape == shape, f"gamma of times of shape {shape}: {tuple(got.shape)}")
            require(got.dtype == torch.float32, f"gamma of float32 times: {got.dtype}")


def check_interpolant(interpolant: Interpolant) -> None:
    """The path has the ends it declares and its exact derivative, sample by sample."""
    check_gamma(interpolant.gamma)
    _check_ends(interpolant)
    if isinstance(interpolant, AffineInterpolant):
        _check_coefficients(interpolant)
    x0, x1, z = (normal((3, 2), 1, k) for k in range(3))
    for t in interior():
        sample = interpolant.sample(t, x0, x1, z)
        dot = derivative(lambda s: interpolant.sample(s, x0, x1, z).xt, t)
        require_close(sample.xt_dot, dot, "xt_dot against autodiff")
        mean_dot = derivative(lambda s: interpolant.interpolate(s, x0, x1)[0], t)
        require_close(sample.mean_dot, mean_dot, "mean_dot against autodiff")
        require_close(sample.z, x0 if interpolant.one_sided else z, "the latent noise", 0.0)
    for shape in SHAPES:
        _check_batch(interpolant, shape)


def _check_ends(interpolant: Interpolant) -> None:
    if not interpolant.exact_ends:
        return
    x0, x1 = normal((3, 2), 1, 3), normal((3, 2), 1, 4)
    zero, one = torch.tensor(0.0, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64)
    start = x1 if interpolant.is_mirror else x0
    require_close(interpolant.interpolate(zero, x0, x1)[0], start, "the path at t=0", 1e-12)
    require_close(interpolant.interpolate(one, x0, x1)[0], x1, "the path at t=1", 1e-12)


def _check_coefficients(interpolant: AffineInterpolant) -> None:
    t = interior()
    c = interpolant.coefficients(t)
    for k, name in enumerate(("alpha", "beta", "gamma")):
        dot = derivative(partial(_coefficient, interpolant, k), t)
        require_close(c[k + 3], dot, f"{name}_dot against autodiff")
    shift_dot = derivative(lambda s: interpolant.shift(s)[0], t)
    require_close(c.shift_dot, shift_dot, "shift_dot against autodiff")
    shifted = interpolant.shifted or bool((c.shift == 0).all())
    require(shifted, f"shifted: {interpolant.shifted} with a shift that is not zero")
    product = c.gamma * c.gamma_dot
    require_close(c.gamma_gamma_dot, product, "gamma_gamma_dot against gamma * gamma_dot")
    if interpolant.one_sided or interpolant.determinate:
        require((c.determinant.abs() > 0).all(), "determinate: alpha beta_dot = alpha_dot beta")


def _coefficient(interpolant: AffineInterpolant, k: int, t: Tensor) -> Tensor:
    return interpolant.coefficients(t)[k]


def _check_batch(interpolant: Interpolant, shape: tuple[int, ...]) -> None:
    """A batch with a time for each sample equals its samples one by one."""
    x0, x1, z = (normal(shape, 2, k) for k in range(3))
    t = interior()[: shape[0]]
    batch = interpolant.sample(t, x0, x1, z)
    for i in range(shape[0]):
        row = slice(i, i + 1)
        alone = interpolant.sample(t[i], x0[row], x1[row], z[row])
        for name in ("z", "xt", "xt_dot", "mean_dot"):
            got, expected = getattr(batch, name)[row], getattr(alone, name)
            require_close(got, expected, f"{name} of sample {i} in shape {shape}", 1e-12)
    single = interpolant.sample(t.float(), x0.float(), x1.float(), z.float())
    for name, part in single._asdict().items():
        require(part.dtype == torch.float32, f"{name} of float32 data: {part.dtype}")
