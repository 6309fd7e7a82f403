"""The Lightning module of interpolants: draws pairs, times and noise for the objective."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn

from interpolants.data.base import Batch
from interpolants.data.labels import Labels, told
from interpolants.fields.fields import Fields
from interpolants.net.condition import Condition
from interpolants.objective.base import Objective
from interpolants.objective.time_sampler.base import TimeSampler
from interpolants.training.chunk_module import ChunkModule
from interpolants.training.outcome import Outcome


@final
class InterpolantModule(ChunkModule):
    """Trains fields on a stochastic interpolant.

    Args:
        fields: what is trained, with its path, base and coupling.
        objective: the loss.
        time_sampler: which times to train on.
        labels: that the network is told, if any.
        options: as of `ChunkModule`.
    """

    def __init__(
        self,
        *,
        fields: Fields,
        objective: Objective,
        time_sampler: TimeSampler,
        labels: Labels | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.fields = fields
        self.objective = objective
        self.time_sampler = time_sampler
        self.labels = labels

    @property
    def trained(self) -> nn.Module:
        return self.fields

    def networks(self) -> list[nn.Module]:
        return [self.fields.net]

    def outcome(self, batch: Batch, generator: torch.Generator) -> Outcome:
        """The optimiser sees the loss per coordinate, so that learning rates and clipping mean
        the same for any dimension; what is logged is the paper's, summed over the event.

        A coupling pairs within this share of the batch.
        """
        x1 = self.scaling.to_model(batch.x1)
        base, coupling, total = self.fields.base, self.fields.coupling, self.total(len(x1))
        if batch.x0 is None:
            x0 = self.share(base.sample(total, tuple(x1.shape[1:]), generator))
        else:
            x0 = base.scaling.to_model(batch.x0)
        t, weight = self.time_sampler.sample(total, generator)
        z = torch.empty(total, *x1.shape[1:], device=x1.device, dtype=x1.dtype)
        t, z = self.share(t), self.share(z.normal_(generator=generator))
        dropped = self._dropped(total, generator)
        # What is drawn from here on belongs to the share.
        own = self.own(generator)
        # Labels that the network is not told are nothing to the coupling either.
        label = told(self.labels, batch.label)
        x0, image = coupling.pair(x0, x1, label, own)
        fields = self.fields
        if dropped is not None or image is not None:
            fields = fields.given(Condition(label, image, dropped))
        losses = self.objective(fields, t, x0, x1, z, generator=own)
        if weight is not None:
            losses = losses.scaled(self.share(weight))
        return Outcome(losses.weighted.sum() / x1.numel(), losses.fields, losses.parts, t)

    def _dropped(self, total: int, generator: torch.Generator) -> Tensor | None:
        """Whose labels are withheld; None where the network is told none."""
        if self.labels is None:
            return None
        u = torch.rand(total, generator=generator, device=generator.device)
        return self.share(u < self.labels.dropout)
