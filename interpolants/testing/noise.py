"""The contract of sources of normals."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from interpolants.sampler.noise.base import Noise
from interpolants.testing.common import STANDARD_ERRORS, require, require_repeatable
from interpolants.utils.seeds import keyed_generator

# Even batches, as a source may need pairs.
_SHAPES = ((4, 2), (6, 3), (2, 1), (4, 3, 4, 4))

NoiseFactory = Callable[[torch.Generator | None], Noise]


def check_noise(make: NoiseFactory) -> None:
    """Independent standard normals that a generator fixes, however many are drawn together.

    Args:
        make: builds the source, as `make(generator)`; for each generator anew.
    """
    require(make(None).ahead >= 1, "ahead: less than one step")
    for shape in _SHAPES:
        for dtype in (torch.float32, torch.float64):
            # Not a number: what is drawn must not depend on the state's values.
            _check_draws(make, torch.full(shape, torch.nan, dtype=dtype))
    _check_rows(make, torch.empty(6, 3))
    _check_distribution(make)


def _source(make: NoiseFactory, key: int = 0) -> Noise:
    return make(keyed_generator(53, key))


def _check_draws(make: NoiseFactory, like: Tensor) -> None:
    """The form of a draw, what it depends on, and what it does not."""
    for count, channels in ((1, 1), (3, 2)):
        z = _source(make).draw(0, count, channels, like)
        expected = (count, channels, *like.shape)
        require(z.shape == expected, f"draw: shape {tuple(z.shape)} in place of {expected}")
        require(z.dtype == like.dtype, f"draw: {z.dtype} for a state of {like.dtype}")
        require(z.device == like.device, f"draw: on {z.device} for a state on {like.device}")
        require(bool(z.isfinite().all()), "draw: not finite")
        require(not z.requires_grad, "draw: records gradients")
    require_repeatable(lambda: _source(make).draw(0, 2, 2, like), "draw")
    whole, source = _source(make).draw(0, 5, 2, like), _source(make)
    parts = torch.cat([source.draw(0, 2, 2, like), source.draw(2, 3, 2, like)])
    require(torch.equal(whole, parts), "draw: depends on how many steps are drawn together")
    other = _source(make, 1).draw(0, 5, 2, like)
    require(not torch.equal(whole, other), "draw: the same from any generator")


def _check_rows(make: NoiseFactory, like: Tensor) -> None:
    """A part of a batch gets its part of the draws, if the source identifies samples."""
    whole = _source(make).draw(0, 3, 2, like)
    every = _source(make).rows(0, len(like)).draw(0, 3, 2, like)
    require(torch.equal(whole, every), "rows: all of them draw something else")
    for first, last in ((0, 2), (2, 6), (4, 6)):
        source = _source(make)
        try:
            part = source.rows(first, last)
        except ValueError:
            continue
        if part is not source:
            drawn = part.draw(0, 3, 2, like[first:last])
            own = whole[:, :, first:last]
            require(torch.equal(drawn, own), f"rows: {first} to {last} draw something else")


def _check_distribution(make: NoiseFactory) -> None:
    """Each sample's normals are standard and independent, by moments and correlations."""
    steps, channels, event = 250, 2, 10
    z = _source(make).draw(0, steps, channels, torch.empty(4, event, dtype=torch.float64))
    # Means of a power of normals, and the variance of that power.
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        for sample in range(4):
            _check_mean(z[:, :, sample] ** power - mean, variance, f"moment {power}")
    _check_mean(z[1:, :, 0] * z[:-1, :, 0], 1, "product of two steps")
    _check_mean(z[:, 0, 0] * z[:, 1, 0], 1, "product of two channels")
    _check_mean(z[:, :, 0, 1:] * z[:, :, 0, :-1], 1, "product of two elements")
    for other in range(1, 4):
        product = z[:, :, 0] * z[:, :, other]
        # Opposite samples are a way to sample, too.
        if not torch.equal(z[:, :, 0], -z[:, :, other]):
            _check_mean(product, 1, "product of two samples")


def _check_mean(values: Tensor, variance: float, what: str) -> None:
    """Require a mean of zero, within standard errors."""
    error = float(values.mean()) / (variance / values.numel()) ** 0.5
    require(
        abs(error) < STANDARD_ERRORS, f"distribution: {what} is {error:.1f} standard errors off"
    )
