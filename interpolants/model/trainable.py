"""Training loss of a stochastic interpolant: pairs, times and noise for the objective."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from interpolants.data.base import Batch
from interpolants.data.labels import Labels, network_labels
from interpolants.fields.fields import Fields
from interpolants.net.condition import Condition
from interpolants.objective.base import Objective
from interpolants.objective.guidance_scales import GuidanceScales
from interpolants.objective.learned_weight import LearnedWeight
from interpolants.objective.step_loss import BatchSlice, StepLoss
from interpolants.objective.time_sampler.base import TimeSampler
from interpolants.objective.trainable import Trainable
from interpolants.space.scaling import Scaling


@final
class TrainableFields(Trainable[Fields]):
    """Fields with the training loss of an objective.

    Args:
        model: the fields, with their path, base and coupling.
        scaling: scaling between the units of the data and those of the networks.
        objective: the loss.
        time_sampler: draws the training times.
        labels: labels that the network is conditioned on, if any.
        weight: learned weight of the losses of a flow map, if any.
        scales: guidance scales that are an input of a flow map, if any; samples whose label is
            dropped have a scale of 1.
    """

    def __init__(
        self,
        *,
        model: Fields,
        scaling: Scaling,
        objective: Objective,
        time_sampler: TimeSampler,
        labels: Labels | None = None,
        weight: LearnedWeight | None = None,
        scales: GuidanceScales | None = None,
    ) -> None:
        super().__init__(model, scaling)
        self.objective = objective
        self.time_sampler = time_sampler
        self.labels = labels
        self.weight = weight
        self.scales = scales

    def networks(self) -> list[nn.Module]:
        return [self.model.net]

    def step_loss(self, batch: Batch, part: BatchSlice, generator: torch.Generator) -> StepLoss:
        """Loss per coordinate for the optimiser, and summed over the event for the log.

        Learning rates and clipping then do not depend on the dimension, and the logged loss is
        that of the paper. A coupling pairs within this part of the batch.
        """
        fields = self.model
        x1 = fields.as_states(self.scaling.to_model(batch.x1))
        base, coupling, total = fields.base, fields.coupling, part.total
        if batch.x0 is None:
            x0 = part.of(base.sample(total, tuple(x1.shape[1:]), generator)).to(x1.dtype)
        else:
            x0 = base.scaling.to_model(batch.x0).to(x1.dtype)
        t, weight = self.time_sampler.sample_at(self.step, total, generator)
        z = torch.empty(total, *x1.shape[1:], device=x1.device, dtype=x1.dtype)
        t, z = part.of(t), part.of(z.normal_(generator=generator))
        dropped = self._dropped(part, generator)
        guidance = self._guidance(part, dropped, generator)
        # Draws from here on belong to the part.
        own = part.generator(generator)
        # A coupling gets labels only if the network does.
        label = network_labels(self.labels, batch.label)
        x0, image = coupling.pair(x0, x1, label, own)
        if dropped is not None or image is not None:
            fields = fields.condition_on(Condition(label, image, dropped, None, guidance))
        losses = self.objective(fields, t, x0, x1, z, generator=own)
        if self.weight is not None:
            losses = self.weight(t, losses, x1[0].numel())
        if weight is not None:
            losses = losses.scaled(part.of(weight))
        return StepLoss(losses.weighted.sum() / x1.numel(), losses.fields, losses.parts, t)

    def _dropped(self, part: BatchSlice, generator: torch.Generator) -> Tensor | None:
        """Mask of samples whose labels are dropped; None for a network without labels."""
        if self.labels is None:
            return None
        u = torch.rand(part.total, generator=generator, device=generator.device)
        return part.of(u < self.labels.dropout)

    def _guidance(
        self, part: BatchSlice, dropped: Tensor | None, generator: torch.Generator
    ) -> Tensor | None:
        """Guidance scales and intervals, (B, 3); None for a network without them."""
        if self.scales is None:
            return None
        drawn = part.of(self.scales.draw(part.total, generator))
        if dropped is not None:
            drawn[:, 0].masked_fill_(dropped, 1)
        return drawn
