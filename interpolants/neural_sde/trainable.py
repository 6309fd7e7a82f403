"""Training loss of a neural SDE, the negative evidence lower bound."""

from __future__ import annotations

import math
from typing import ClassVar, final

import torch

from interpolants.data.base import Batch
from interpolants.neural_sde.hurst_index import hurst_numbers, hurst_of
from interpolants.neural_sde.model import filled, full_mask, to_networks
from interpolants.neural_sde.neural_sde import NeuralSDE
from interpolants.objective.step_loss import BatchSlice, StepLoss
from interpolants.objective.trainable import Trainable


@final
class TrainableNeuralSDE(Trainable[NeuralSDE]):
    """Neural SDE on time series, trained by variational inference.

    Logged losses are nats per time series, in the networks' units: the negative bound is the sum
    of minus the reconstruction and the two relative entropies.
    """

    splits_batches: ClassVar[bool] = False

    def step_loss(self, batch: Batch, part: BatchSlice, generator: torch.Generator) -> StepLoss:
        """Negative bound per observed number, which is the loss of the optimiser."""
        mask = full_mask(batch.x1) if batch.mask is None else batch.mask
        values = to_networks(self.scaling, batch.x1, batch.mask)
        found = self.model.elbo(values, mask, generator)
        parts = torch.stack([-found.reconstruction, found.kl_start, found.kl_path], dim=1)
        loss = parts.sum() / (mask.sum() * math.prod(values.shape[2:]))
        return StepLoss(loss, ("reconstruction", "kl_start", "kl_path"), parts.detach())

    def check_batch(self, batch: Batch) -> None:
        x = batch.x1 if batch.mask is None else filled(self.scaling, batch.x1, batch.mask)
        self.scaling.space.check(x)

    def learned(self) -> dict[str, float]:
        return hurst_numbers(hurst_of(self.model))
