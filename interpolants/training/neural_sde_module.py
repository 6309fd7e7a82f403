"""The Lightning module of neural SDEs: follows the evidence lower bound."""

from __future__ import annotations

import math
from typing import Any, ClassVar, final

import torch
from torch import nn

from interpolants.data.base import Batch
from interpolants.neural_sde.model import filled, full_mask, hurst_of, to_networks
from interpolants.neural_sde.neural_sde import NeuralSDE
from interpolants.neural_sde.report import hurst_numbers
from interpolants.training.chunk_module import ChunkModule
from interpolants.training.outcome import Outcome


@final
class NeuralSDEModule(ChunkModule):
    """Trains a neural SDE on series by its evidence lower bound.

    Logged losses are nats per series, in the networks' units: minus the bound, which is the sum
    of minus the reconstruction and of the two relative entropies.

    Args:
        model: what is trained.
        options: as of `ChunkModule`.
    """

    shares: ClassVar[bool] = False

    def __init__(self, *, model: NeuralSDE, **options: Any) -> None:
        super().__init__(**options)
        self.model = model

    @property
    def trained(self) -> nn.Module:
        return self.model

    def outcome(self, batch: Batch, generator: torch.Generator) -> Outcome:
        """The optimiser sees minus the bound per number that was observed."""
        mask = full_mask(batch.x1) if batch.mask is None else batch.mask
        values = to_networks(self.scaling, batch.x1, batch.mask)
        found = self.model.elbo(values, mask, generator)
        parts = torch.stack([-found.reconstruction, found.kl_start, found.kl_path], dim=1)
        loss = parts.sum() / (mask.sum() * math.prod(values.shape[2:]))
        return Outcome(loss, ("reconstruction", "kl_start", "kl_path"), parts.detach())

    def check_batch(self, batch: Batch) -> None:
        x = batch.x1 if batch.mask is None else filled(self.scaling, batch.x1, batch.mask)
        self.scaling.space.check(x)

    def learned(self) -> dict[str, float]:
        return hurst_numbers(hurst_of(self.model))
