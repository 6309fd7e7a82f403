"""Interface between a kind of model and the training loop."""

from __future__ import annotations

import abc
from typing import ClassVar, Generic, TypeVar

import torch
from torch import nn

from interpolants.data.base import Batch
from interpolants.objective.step_loss import BatchSlice, StepLoss
from interpolants.space.scaling import Scaling

ModelT = TypeVar("ModelT", bound=nn.Module)


class Trainable(nn.Module, abc.ABC, Generic[ModelT]):
    """Model in training: its weights, the units of its data, and the loss of a batch.

    Attributes:
        splits_batches: whether a batch may be divided between processes and micro-batches; if
            not, one process trains on whole batches.
        step: number of the optimiser step, set before `step_loss`.

    Args:
        model: module with the weights, whose averages checkpoints hold.
        scaling: map between the units of the data and those of the networks.
    """

    splits_batches: ClassVar[bool] = True
    model: ModelT
    scaling: Scaling

    def __init__(self, model: ModelT, scaling: Scaling) -> None:
        super().__init__()
        self.model = model
        self.scaling = scaling
        self.step = 0

    @abc.abstractmethod
    def step_loss(self, batch: Batch, part: BatchSlice, generator: torch.Generator) -> StepLoss:
        """Loss of a batch in the units of the data, with all random numbers from the generator.

        Args:
            batch: rows of `part`.
            part: their place in the whole batch. Random numbers are drawn for `part.total` rows,
                of which `part.of` selects these, so that several processes compute the same as
                one.
            generator: generator in the same state for every part of a batch.
        """

    def networks(self) -> list[nn.Module]:
        """Networks whose weights may be sharded: all with weights, or none."""
        return []

    def learned(self) -> dict[str, float]:
        """Learned numbers to log with each validation, by name."""
        return {}

    def check_batch(self, batch: Batch) -> None:
        """Require data inside their space.

        Raises:
            ValueError: if some are outside.
        """
        self.scaling.space.check(batch.x1)
