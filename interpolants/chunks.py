"""What was computed in chunks, as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from interpolants.likelihood.base import LogProb
from interpolants.sampler import Samples


def joined_samples(parts: Sequence[Samples]) -> Samples:
    """Samples, in the units that they are in."""
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
    )


def joined_log_probs(parts: Sequence[LogProb]) -> LogProb:
    """Log densities of data."""
    value, error, paths = (_joined(column) for column in zip(*(p[:3] for p in parts), strict=True))
    assert value is not None
    nfe, seconds = max(part.nfe for part in parts), sum(part.seconds for part in parts)
    return LogProb(value, error, paths, nfe=nfe, seconds=seconds)


def _joined(parts: Iterable[Tensor | None], dim: int = 0) -> Tensor | None:
    found = [part for part in parts if part is not None]
    return torch.cat(found, dim=dim) if found else None
