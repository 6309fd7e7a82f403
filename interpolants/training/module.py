"""The Lightning module of interpolants: draws pairs, times and noise for the objective."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import nn

from interpolants.data.base import Batch
from interpolants.fields import Fields
from interpolants.objective.base import Objective
from interpolants.time_sampler.base import TimeSampler
from interpolants.training.chunk_module import ChunkModule, Outcome


@final
class InterpolantModule(ChunkModule):
    """Trains fields on a stochastic interpolant.

    Args:
        fields: what is trained, with its path, base and coupling.
        objective: the loss.
        time_sampler: which times to train on.
        options: as of `ChunkModule`.
    """

    def __init__(
        self, *, fields: Fields, objective: Objective, time_sampler: TimeSampler, **options: Any
    ) -> None:
        super().__init__(**options)
        self.fields = fields
        self.objective = objective
        self.time_sampler = time_sampler

    @property
    def trained(self) -> nn.Module:
        return self.fields

    def outcome(self, batch: Batch, generator: torch.Generator) -> Outcome:
        """The optimiser sees the loss per coordinate, so that learning rates and clipping mean
        the same for any dimension; what is logged is the paper's, summed over the event."""
        x1 = self.scaling.to_model(batch.x1)
        base, coupling = self.fields.base, self.fields.coupling
        if batch.x0 is None:
            x0 = base.sample(len(x1), tuple(x1.shape[1:]), generator)
        else:
            x0 = base.scaling.to_model(batch.x0)
        x0 = coupling.pair(x0, x1, batch.label)
        t, weight = self.time_sampler.sample(len(x1), generator)
        z = torch.empty_like(x1).normal_(generator=generator)
        losses = self.objective(self.fields, t, x0, x1, z, generator=generator)
        if weight is not None:
            losses = losses.scaled(weight)
        return Outcome(losses.weighted.sum() / x1.numel(), losses.fields, losses.parts, t)
