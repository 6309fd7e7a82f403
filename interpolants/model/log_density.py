"""Log densities of data under a condition, in chunks that bound memory."""

from __future__ import annotations

import torch
from torch import Tensor

from interpolants.fields.fields import Fields
from interpolants.likelihood.base import LikelihoodFactory, LogProb
from interpolants.model.batching import joined_log_probs
from interpolants.model.request import SamplerFactory
from interpolants.net.condition import Condition


def log_density(
    fields: Fields,
    make_sampler: SamplerFactory,
    likelihood: LikelihoodFactory,
    x: Tensor,
    label: Tensor | None,
    chunk_size: int,
    generator: torch.Generator,
) -> LogProb:
    """Log densities in the units of the networks; gradients where torch records them.

    Args:
        fields: the learned fields.
        make_sampler: builds the sampler, as `make_sampler(fields=fields)`.
        likelihood: builds the estimator.
        x: data, (n, *event).
        label: labels as the network takes them, (n,) or (n, C), or None.
        chunk_size: paths solved together.
        generator: of probes and noise.
    """
    gradients = torch.is_grad_enabled()
    sampler = make_sampler(fields=fields)
    paths = likelihood(sampler=sampler).paths
    step = max(1, len(x) if label is None else chunk_size // paths)
    parts = []
    for low in range(0, max(1, len(x)), step):
        if label is not None:
            condition = Condition(label[low : low + step]).interleaved(paths)
            sampler = make_sampler(fields=fields.condition_on(condition))
        found = likelihood(sampler=sampler).log_prob(
            x[low : low + step],
            generator=generator,
            chunk_size=chunk_size,
            gradients=gradients,
        )
        parts.append(found)
    return joined_log_probs(parts)
