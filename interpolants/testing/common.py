"""Common parts of the contracts."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from interpolants.utils.seeds import keyed_generator

SHAPES = ((4, 4), (6, 3), (4, 4, 4, 4), (5, 3, 8, 8))
"""Batches; in the first and third a time of shape (B,) fits the wrong axis without complaint."""

STANDARD_ERRORS = 5.0
"""How far a mean over draws may be from what it should be."""


def require(ok: bool | Tensor, message: str) -> None:
    """Raise an AssertionError unless `ok`; it holds under `python -O` too."""
    if not ok:
        raise AssertionError(message)


def require_close(got: Tensor, expected: Tensor, what: str, tolerance: float = 1e-10) -> None:
    """Require equal shapes, finite values, and an error below `tolerance` of the largest value,
    or of 1."""
    require(got.shape == expected.shape, f"{what}: shape {tuple(got.shape)}")
    finite = torch.isfinite(got).all() and torch.isfinite(expected).all()
    error = (got - expected).abs().max() / expected.abs().max().clamp(min=1)
    require(finite and error <= tolerance, f"{what}: off by {float(error):.1e}")


def require_repeatable(draw: Callable[[], Tensor], what: str) -> None:
    """Require the same tensor twice, for any state of torch's own generator."""
    with torch.random.fork_rng(devices=[]):
        drawn = []
        for seed in (1, 2):
            torch.manual_seed(seed)
            drawn.append(draw())
    require(torch.equal(*drawn), f"{what}: not determined by its arguments alone")


def interior() -> Tensor:
    """Float64 times inside (0, 1), none of them special."""
    return torch.linspace(0.03, 0.96, 11, dtype=torch.float64)


def derivative(function: Callable[[Tensor], Tensor], t: Tensor) -> Tensor:
    """The derivative of a function of time, element by element, by forward-mode autodiff."""
    tangent: Tensor = torch.func.jvp(function, (t,), (torch.ones_like(t),))[1]
    return tangent


def normal(shape: tuple[int, ...], *key: int) -> Tensor:
    """Float64 normals fixed by a key."""
    return torch.randn(shape, generator=keyed_generator(*key), dtype=torch.float64)
