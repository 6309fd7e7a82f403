"""The interface between a kind of model and the training loop."""

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
    """A model under training: its weights, the units of its data, and the loss of a batch.

    Attributes:
        splits_batches: whether a batch may be divided between processes and micro-batches; if
            not, one process trains on whole batches.

    Args:
        model: the part with the weights, whose averages checkpoints hold.
        scaling: between the units of the data and those of the networks.
    """

    splits_batches: ClassVar[bool] = True
    model: ModelT
    scaling: Scaling

    def __init__(self, model: ModelT, scaling: Scaling) -> None:
        super().__init__()
        self.model = model
        self.scaling = scaling

    @abc.abstractmethod
    def step_loss(self, batch: Batch, part: BatchSlice, generator: torch.Generator) -> StepLoss:
        """The loss of a batch in the data's units, all that is random from the generator.

        Args:
            batch: the rows of `part`.
            part: where they are in the whole batch. Randomness is drawn for `part.total` rows,
                of which `part.of` takes its own, so that several processes do what one does.
            generator: at the same state for every part of a batch.
        """

    def networks(self) -> list[nn.Module]:
        """The networks whose weights may be sharded: all that have weights, or none."""
        return []

    def learned(self) -> dict[str, float]:
        """Learned numbers to log with each validation, by name."""
        return {}

    def check_batch(self, batch: Batch) -> None:
        """Require data inside their space.

        Raises:
            ValueError: if some are not.
        """
        self.scaling.space.check(batch.x1)
