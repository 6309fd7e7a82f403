"""Contracts of time samplers and of couplings."""

from __future__ import annotations

import torch
from torch import Tensor

from interpolants.coupling.base import Coupling
from interpolants.fields.jumps import Jumps
from interpolants.objective.time_sampler.base import TimeSampler
from interpolants.testing.common import SHAPES, STANDARD_ERRORS, normal, require
from interpolants.utils.seeds import keyed_generator
from interpolants.utils.shapes import flatten_event


def check_time_sampler(sampler: TimeSampler) -> None:
    """Times keep the margin, follow the generator, and weights restore the uniform integral."""
    n = 20_000
    t, weight = sampler.sample(n, keyed_generator(5, 0))
    again, _ = sampler.sample(n, keyed_generator(5, 0))
    other, _ = sampler.sample(n, keyed_generator(5, 1))
    pairs = sampler.jumps is not None
    shape = (n, 2) if pairs else (n,)
    require(t.shape == shape and t.dtype == torch.float32, f"times: {t.shape}, {t.dtype}")
    require(bool((t == again).all()), "times: not determined by the generator")
    require(bool((t != other).any()), "times: the same from any generator")
    slack = 1e-7
    within = (t >= sampler.margin - slack) & (t <= 1 - sampler.margin + slack)
    require(bool(within.all()), "times: outside of [margin, 1 - margin]")
    one = sampler.sample(1, keyed_generator(5, 2))[0]
    require(one.shape == (1, *shape[1:]), "times: a batch of one")
    if sampler.jumps is not None:
        _check_pairs(t, sampler.jumps)
        _check_known(sampler.draw(n, keyed_generator(5, 3))[0], sampler.jumps)
    if weight is not None:
        require(weight.shape == (n,) and bool((weight >= 0).all()), "weights: (n,), not negative")
        for power in range(4):
            _check_integral(t.double(), weight.double(), power, sampler.margin)


def _check_pairs(t: Tensor, jumps: Jumps) -> None:
    """Some pairs are of equal times, the same number in each part of a batch; others in order."""
    same = (t[:, 0] == t[:, 1]).double()
    shares = same.reshape(10, -1).mean(dim=1)
    even = bool((shares - same.mean()).abs().max() < 2 / 2_000)
    require(0 < float(same.mean()) < 1 and even, f"pairs: shares {shares.tolist()} of equal times")
    backward = bool((t[:, 0] > t[:, 1]).any())
    require(backward == jumps.backward, f"pairs: backward ones, of {jumps!r}")


def _check_known(t: Tensor, jumps: Jumps) -> None:
    """Pairs of different times, before the margin, are those of the jumps."""
    apart = t[t[:, 0] != t[:, 1]]
    known = bool(jumps.known(apart).all())
    require(known, f"pairs: others than those of {jumps!r}")


def _check_integral(t: Tensor, weight: Tensor, power: int, margin: float) -> None:
    """The weighted mean of t^power is its uniform mean over [margin, 1 - margin]."""
    values = weight * t**power
    last, first = (1 - margin) ** (power + 1), margin ** (power + 1)
    expected = (last - first) / ((power + 1) * (1 - 2 * margin))
    error = (values.mean() - expected) / (values.std() / len(t) ** 0.5)
    good = bool(error.abs() < STANDARD_ERRORS)
    require(good, f"weights: the mean of t^{power} is {float(error):.1f} std errors off")


def check_coupling(coupling: Coupling) -> None:
    """x0 comes back reordered, at no greater cost; independently of x1 if it says so.

    One that makes x0 from x1 gives images of the state's shape, the same for the same generator.
    """
    if coupling.data_dependent:
        _check_made(coupling)
        return
    for shape in SHAPES:
        x0, x1 = normal(shape, 6, 0), normal(shape, 6, 1)
        for label in (None, torch.arange(shape[0]) % 2):
            paired = coupling.pair(x0, x1, label).x0
            require(paired.shape == x0.shape, f"pairs of shape {tuple(paired.shape)}")
            order = (flatten_event(paired)[:, None] == flatten_event(x0)).all(dim=2)
            permuted = (order.sum(dim=0) == 1).all() and (order.sum(dim=1) == 1).all()
            require(permuted, "pairs: not a reordering of x0")
            cost, before = (paired - x1).square().sum(), (x0 - x1).square().sum()
            require(cost <= before + 1e-12, "pairs: farther apart than before")
            if coupling.independent:
                other = coupling.pair(x0, x1.flip(0), label).x0
                require((other == paired).all(), "independent: but the order depends on x1")
        require(coupling.pair(x0.float(), x1.float()).x0.dtype == torch.float32, "dtype not kept")


def _check_made(coupling: Coupling) -> None:
    x0, x1 = normal((4, 1, 8, 8), 6, 0), normal((4, 1, 8, 8), 6, 1)
    made, again = (coupling.pair(x0, x1, None, keyed_generator(6, 2)) for _ in range(2))
    require(made.x0.shape == x0.shape and made.x0.dtype == x0.dtype, "x0: not like the state")
    require(torch.equal(made.x0, again.x0), "x0: not determined by the generator")
    channels = coupling.image_channels((1, 8, 8))
    got = (0,) if made.image is None else tuple(made.image.shape)
    require(got == ((4, channels, 8, 8) if channels else (0,)), f"image: shape {got}")
    require(bool((made.x0 != x0).any()), "x0: does not depend on x1")
