"""Chunk sizes for sampling, and joining of chunks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate

import torch
from torch import Tensor

from interpolants.data.columns import Columns
from interpolants.likelihood.base import LogProb
from interpolants.sampler.samples import Samples
from interpolants.space.scaling import Scaling
from interpolants.utils.shapes import expand_time

# Bounds on the samples and on the numbers in a chunk: on a CPU the feature maps of an image
# network would exceed the caches.
_MOST, _NUMBERS, _NUMBERS_ON_CPU = 2**14, 2**20, 2**18


def chunk_rows(event_shape: Sequence[int], numbers: int = _NUMBERS) -> int:
    """Number of samples with about this many numbers, a power of two, at most 2^14.

    By default 2^14 small samples, 1,024 images (1, 28, 28), 256 images (3, 32, 32).
    """
    rows = max(1, numbers // math.prod(event_shape))
    return min(_MOST, 1 << (rows.bit_length() - 1))


def rows_at_once(event_shape: Sequence[int], device: torch.device) -> int:
    """Number of samples in a chunk on a device.

    On a CPU it is a quarter of `chunk_rows`, except for small samples.
    """
    on_cpu = device.type == "cpu"
    return chunk_rows(event_shape, _NUMBERS_ON_CPU if on_cpu else _NUMBERS)


def ranges(n: int, size: int) -> list[tuple[int, int]]:
    """Ranges (first, last + 1) of at most `size` numbers that cover 0 to n - 1."""
    return [(k, min(k + size, n)) for k in range(0, n, size)]


def joined_samples(parts: Sequence[Samples]) -> Samples:
    """Join chunks of samples."""
    firsts = accumulate((len(part.x) for part in parts[:-1]), initial=0)
    outside = [part.outside for part in parts if part.outside is not None]
    return Samples(
        x=torch.cat([part.x for part in parts]),
        nfe=max(part.nfe for part in parts),
        seconds=sum(part.seconds for part in parts),
        path=_joined((part.path for part in parts), dim=1),
        times=parts[0].times,
        log_prob=_joined(part.log_prob for part in parts),
        log_prob_error=_joined(part.log_prob_error for part in parts),
        outside=sum(outside) if outside else None,
        failures={
            first + k: reason
            for first, part in zip(firsts, parts, strict=True)
            for k, reason in part.failures.items()
        },
    )


def in_data_units(
    drawn: Samples,
    label: Tensor | None,
    start: Scaling,
    data: Scaling,
    backward: bool,
    columns: Columns | None = None,
) -> Samples:
    """Samples in the units of the data, with their labels; of a backward process in the start's.

    Args:
        drawn: in the units of the networks.
        label: of the samples.
        start, data: the units at t=0 and t=1, between which those of a path change linearly.
        backward: whether the samples are at t=0.
        columns: columns of the table that the data are rows of, by which samples at t=1 are
            rounded.
    """
    path, density = drawn.path, drawn.log_prob
    if path is not None and drawn.times is not None:
        weights = expand_time(drawn.times.to(path), path)
        first, last = start.to_chart(path), data.to_chart(path)
        dtype = torch.promote_types(first.dtype, last.dtype)
        chart = torch.lerp(first.to(dtype), last.to(dtype), weights.to(dtype))
        path = data.space.from_chart(chart)
    x = (start if backward else data).to_data(drawn.x)
    return replace(
        drawn,
        label=label,
        x=x if backward or columns is None else columns.rounded(x),
        path=path,
        log_prob=None if density is None else density - data.log_volume(drawn.x),
    )


def joined_log_probs(parts: Sequence[LogProb]) -> LogProb:
    """Join chunks of log densities."""
    value, error, paths = (_joined(column) for column in zip(*(p[:3] for p in parts), strict=True))
    assert value is not None
    nfe, seconds = max(part.nfe for part in parts), sum(part.seconds for part in parts)
    return LogProb(value, error, paths, nfe=nfe, seconds=seconds)


def _joined(parts: Iterable[Tensor | None], dim: int = 0) -> Tensor | None:
    found = [part for part in parts if part is not None]
    return torch.cat(found, dim=dim) if found else None
