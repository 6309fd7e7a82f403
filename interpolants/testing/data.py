"""Contracts of data sets and of bases."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from interpolants.base.base import Base
from interpolants.data.base import Batch, Data
from interpolants.data.time_series_data import TimeSeriesData
from interpolants.testing.common import (
    STANDARD_ERRORS,
    normal,
    require,
    require_close,
    require_repeatable,
)
from interpolants.utils.seeds import keyed_generator
from interpolants.utils.shapes import flatten_event

_MANY, _SIZE = 2000, 4
# Data that float32 cannot distinguish are float64.
_KEPT = (torch.float32, torch.float64)
# Real sets have rows that occur twice, so that a few held-out rows may be training rows too.
_MOST = 0.5


def check_data(data: Data, *, later: bool = False) -> None:
    """Batches are finite float32 or float64 rows that their arguments fix, of one distribution.

    Training never sees held-out rows. Time series have ascending times, and units that are the
    same at all times. Distributions are compared by their first two moments within standard
    errors. A finite set needs at least 8 training rows.

    Args:
        data: the data.
        later: whether held-out rows are later in time than training rows, and so may follow
            another distribution.
    """
    for name, part in (("shift", data.shift), ("scale", data.scale)):
        require(part.shape == data.event_shape, f"{name}: shape {tuple(part.shape)}")
        require(part.dtype in _KEPT, f"{name}: {part.dtype}")
        require(part.isfinite().all(), f"{name}: not finite")
    require((data.scale > 0).all(), "scale: not positive")
    if isinstance(data, TimeSeriesData):
        _check_series(data)
    _check_streams(data)
    _check_classes(data)
    _check_dequantised(data)
    _check_held_out(data, later)
    _check_references(data.reference_pair)


def _check_series(data: TimeSeriesData) -> None:
    """Times are those of the first axis of an event; units do not depend on them."""
    times, event = data.times, data.event_shape
    require(len(event) >= 2, f"event_shape: {event} has no frames")
    require(len(times) == event[0], f"times: {len(times)} of them")
    require(times[0] >= 0, f"times: begin at {times[0]}")
    ascending = all(a < b for a, b in pairwise(times))
    require(ascending, "times: not ascending")
    for name, part in (("shift", data.shift), ("scale", data.scale)):
        require((part == part[0]).all(), f"{name}: not the same at all times")


def _check_streams(data: Data) -> None:
    """Each batch is fixed by its own arguments, and those of other arguments are others."""
    streams: dict[str, Callable[[], Batch]] = {
        "train_batch": lambda: data.train_batch(3, _SIZE, 1),
        "train_batch of another step": lambda: data.train_batch(4, _SIZE, 1),
        "train_batch of another seed": lambda: data.train_batch(3, _SIZE, 2),
        "train_batch of rank 0": lambda: data.train_batch(3, _SIZE, 1, 0, 2),
        "train_batch of rank 1": lambda: data.train_batch(3, _SIZE, 1, 1, 2),
        "sample": lambda: data.sample(_SIZE, keyed_generator(9, 0)),
        "sample of another generator": lambda: data.sample(_SIZE, keyed_generator(9, 1)),
        "held_out": lambda: data.held_out(_SIZE, 1),
    }
    seen: list[tuple[str, Tensor]] = []
    for name, draw in streams.items():
        x1 = _checked(draw, data, name)
        # World size one and rank 0 of two may share rows.
        for other, rows in seen:
            apart = {"train_batch", "train_batch of rank 0"} != {name, other}
            require(not apart or not torch.equal(rows, x1), f"{name}: the same as {other}")
        seen.append((name, x1))
    parts = [data.train_batch(3, _SIZE, 1, rank, 2).x1 for rank in range(2)]
    whole = data.train_batch(3, 2 * _SIZE, 1).x1
    require(torch.equal(torch.cat(parts), whole), "train_batch: ranks see others than one process")


def _checked(draw: Callable[[], Batch], data: Data, what: str) -> Tensor:
    """The rows of a batch, once it is known to be a whole and repeatable one."""
    batch = draw()
    n = min(len(batch.x1), _SIZE) if what == "held_out" else _SIZE
    require(batch.x1.shape == (n, *data.event_shape), f"{what}: shape {tuple(batch.x1.shape)}")
    for name, part in (("x1", batch.x1), ("x0", batch.x0)):
        if part is not None:
            require(part.shape == batch.x1.shape, f"{what}: {name} of shape {tuple(part.shape)}")
            kept = (data.shift.dtype,) if name == "x1" else _KEPT
            require(part.dtype in kept, f"{what}: {name} of {part.dtype}")
            require(part.isfinite().all(), f"{what}: {name} is not finite")
    if batch.label is not None:
        label = batch.label
        kinds = {torch.int64: 1, torch.float32: 2}
        fits = len(label) == n and kinds.get(label.dtype) == label.dim()
        got = f"labels of {label.dtype} of shape {tuple(label.shape)}"
        require(fits, f"{what}: {got}, not int64 (n,) or float32 (n, C)")
    if batch.mask is not None:
        _check_mask(batch.x1, batch.mask, what)
    require_repeatable(lambda: draw().x1, what)
    return batch.x1


def _check_mask(x1: Tensor, mask: Tensor, what: str) -> None:
    """Each series has an observation, and is zero where it has none."""
    require(mask.shape == x1.shape[:2], f"{what}: mask of shape {tuple(mask.shape)}")
    require(mask.dtype == torch.bool, f"{what}: mask of {mask.dtype}")
    require(mask.any(dim=1).all(), f"{what}: a series without any observation")
    require((x1[~mask] == 0).all(), f"{what}: x1 is not 0 where nothing was observed")


def _check_classes(data: Data) -> None:
    """Labels that are whole numbers are classes 0, 1, ..., fewer than `num_classes`."""
    for batch in (data.train_batch(0, _SIZE, 0), data.held_out(_MANY, 0)):
        label = batch.label
        if label is None or label.is_floating_point():
            continue
        known = bool((label >= 0).all() and (label < data.num_classes).all())
        require(known, f"num_classes: {data.num_classes}, but there are others")


def _check_dequantised(data: Data) -> None:
    """Dequantised values are fixed by their generator and round to the whole numbers."""
    x = data.held_out(_SIZE, 0).x1

    def draw() -> Tensor:
        return data.dequantised(x, keyed_generator(9, 3))

    require_repeatable(draw, "dequantised")
    noisy = draw()
    require(noisy.shape == x.shape, f"dequantised: shape {tuple(noisy.shape)}")
    whole = (noisy == x) | (noisy.round() == x)
    require(whole.all(), "dequantised: does not round to the whole numbers")


def _check_held_out(data: Data, later: bool) -> None:
    """Rows of training and of `sample` are others than the held-out rows, distributed alike.

    Where the held-out rows are later in time, distributions are not compared.
    """
    held = data.held_out(_MANY, 0).x1
    require(0 < len(held) <= _MANY, f"held_out: {len(held)} rows of {_MANY}")
    ordered = len(held) >= 8 and torch.equal(held[:8], data.held_out(_MANY, 1).x1[:8])
    require(not ordered, "held_out: the same order for any seed")
    steps = range(_MANY // _SIZE)
    trained = torch.cat([data.train_batch(step, _SIZE, 0).x1 for step in steps])
    drawn = data.sample(_MANY, keyed_generator(9, 2)).x1
    for rows, name in ((trained, "train_batch"), (drawn, "sample")):
        require(_share(rows, held) < _MOST, f"{name}: rows that are held out")
        if not later:
            _check_same_distribution(rows, held, f"{name} and held_out")
    _check_same_distribution(trained, drawn, "train_batch and sample")


def _share(rows: Tensor, others: Tensor) -> float:
    """The share of rows that are among the others."""
    known = {row.numpy().tobytes() for row in flatten_event(others)}
    return sum(row.numpy().tobytes() in known for row in flatten_event(rows)) / len(rows)


def _check_same_distribution(first: Tensor, second: Tensor, what: str) -> None:
    """Equal means and mean squares within standard errors; repeated rows count once for these."""
    middle = flatten_event(second).double().mean(dim=0)
    for power in (1, 2):
        means, errors = [], []
        for rows in (first, second):
            values = (flatten_event(rows).double() - middle) ** power
            means.append(values.mean(dim=0))
            errors.append(values.var(dim=0) / len(torch.unique(flatten_event(rows), dim=0)))
        slack = 1e-6 * (1 + means[1].abs())
        difference = (means[0] - means[1]).abs() - slack
        error = float((difference / (errors[0] + errors[1]).sqrt().clamp(min=1e-12)).max())
        good = error < STANDARD_ERRORS
        require(good, f"{what}: moments of order {power} are {error:.1f} std errors apart")


def _check_references(pair: Callable[[int, int], tuple[Tensor, Tensor]]) -> None:
    """Pairs of disjoint sets of one size, each fixed by the number of its draw."""
    n = 50
    first, second = pair(n, 0)
    require(0 < len(first) == len(second) <= n, f"references: {len(first)} and {len(second)}")
    require(_share(first, second) < _MOST, "references: the two of a pair share rows")
    require_repeatable(lambda: torch.cat(pair(n, 0)), "references")
    for rows, other in zip((first, second), pair(n, 1), strict=True):
        fixed = len(rows) >= 8 and torch.equal(rows, other)
        require(not fixed, "references: the same in every draw")


def check_base(base: Base, event_shape: tuple[int, ...] = (2,)) -> None:
    """Draws are fixed by the generator, references are disjoint, and declared properties hold.

    A base that is declared standard normal is, and a known density is that of `start`.

    Args:
        base: the base; it is fitted to rows of noise, of two classes.
        event_shape: of its samples, where the base fixes one.
    """
    n, flat = 4000, int(torch.Size(event_shape).numel())
    label = torch.arange(500) % 2
    x1 = normal((500, *event_shape), 10, 3).float() + label.view(-1, *(1,) * len(event_shape))
    base.fit(x1, label, 0.7)
    x = _checked_draws(base.sample, "sample", n, event_shape)
    start = _checked_draws(base.start, "start", n, event_shape)
    require_close(
        base.scaling.to_model(base.scaling.to_data(x)), x, "scaling there and back", 1e-5
    )
    if base.standard_normal:
        _check_standard_normal(x.double().view(n, flat))
    if type(base).log_prob is not Base.log_prob:
        _check_density(base, start.double())
    _check_references(lambda m, k: base.reference_pair(m, event_shape, k))


def _checked_draws(
    sample: Callable[[int, tuple[int, ...], torch.Generator], Tensor],
    what: str,
    n: int,
    event_shape: tuple[int, ...],
) -> Tensor:
    """Draws, once they are known to be whole, and fixed by their generator."""

    def draw(key: int) -> Tensor:
        return sample(n, event_shape, keyed_generator(10, key))

    x = draw(0)
    require(x.shape == (n, *event_shape), f"{what}: shape {tuple(x.shape)}")
    require(x.dtype == torch.float32, f"{what}: {x.dtype}")
    require(x.isfinite().all(), f"{what}: not finite")
    require_repeatable(lambda: draw(0), what)
    require(not torch.equal(x, draw(1)), f"{what}: the same from any generator")
    generator = keyed_generator(10, 2)
    again = [sample(n, event_shape, generator) for _ in range(2)]
    require(not torch.equal(*again), f"{what}: leaves the generator as it was")
    return x


def _check_density(base: Base, x: Tensor) -> None:
    """E q(x) / p(x) = 1 for draws of p and some normals q, a little narrower than p."""
    log_prob = base.log_prob(x)
    require(log_prob.shape == (len(x),), f"log_prob: shape {tuple(log_prob.shape)}")
    flat = flatten_event(x)
    mean, width = flat.mean(dim=0), 0.8 * flat.std(dim=0)
    for k in range(4):
        # As far from the middle as one coordinate goes, in any dimension.
        centre = mean + (flat[k] - mean) / flat.shape[1] ** 0.5
        exponent = ((flat - centre) / width).square() / 2 + width.log() + math.log(2 * math.pi) / 2
        ratio = (-exponent.sum(dim=1) - log_prob)[4:].exp()
        error = (ratio.mean() - 1) / (ratio.std() / len(ratio) ** 0.5)
        good = bool(error.abs() < STANDARD_ERRORS)
        require(good, f"log_prob: not the density of start, {float(error):.1f} std errors off")


def _check_standard_normal(x: Tensor) -> None:
    """Means, covariances and fourth moments, each within its standard error."""
    n, dim = x.shape
    identity = torch.eye(dim, dtype=x.dtype)
    # Squares of products have the mean 3 on the diagonal and 1 off it.
    error = torch.where(identity == 1, 2.0, 1.0).sqrt() / n**0.5
    good = (x.mean(dim=0).abs() < STANDARD_ERRORS / n**0.5).all()
    require(good, "standard_normal: but the mean is not 0")
    off = (x.mT @ x / n - identity).abs()
    require((off < STANDARD_ERRORS * error).all(), "standard_normal: but the covariance is not Id")
    fourth = (x**4).mean(dim=0) - 3
    good = (fourth.abs() < STANDARD_ERRORS * (96 / n) ** 0.5).all()
    require(good, "standard_normal: but the fourth moment is not 3")
