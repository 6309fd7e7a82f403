"""Batches by step number: what Lightning iterates over, restartable anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, final

import torch

from interpolants.data.base import Batch, Data


class Step(NamedTuple):
    """The data of one optimiser step: its number in the whole run, and the rank's batch."""

    number: int
    batch: Batch


@final
class Chunk(list[Step]):
    """The steps of one Lightning batch, moved to a device by one call.

    Lightning would otherwise search every part of every step for tensors.
    """

    def to(self, device: torch.device) -> Chunk:
        """The chunk on a device; itself if it is there."""
        if all(step.batch.x1.device == device for step in self):
            return self
        return Chunk(Step(number, _moved(batch, device)) for number, batch in self)


@final
class StepStream:
    """Endless chunks of steps, from wherever the run stands.

    Tiny networks spend longer in a training framework's loop than in their own step, so one
    Lightning batch carries several optimiser steps. Batches depend on (seed, step, rank) alone:
    iterating anew from step k yields what an uninterrupted run would have seen.

    Args:
        data: where batches come from.
        batch_size: samples per step and rank.
        seed: of the run.
        steps_per_batch: optimiser steps in one chunk; the last chunk of a run may be shorter.
        max_steps: length of the run.
        next_step: the number of the next step, asked when iteration starts.
        rank, world_size: of this process.
    """

    def __init__(
        self,
        data: Data,
        *,
        batch_size: int,
        seed: int,
        steps_per_batch: int,
        max_steps: int,
        next_step: Callable[[], int],
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.data = data
        self.batch_size = batch_size
        self.seed = seed
        self.steps_per_batch = steps_per_batch
        self.max_steps = max_steps
        self.next_step = next_step
        self.rank = rank
        self.world_size = world_size

    def __iter__(self) -> Iterator[Chunk]:
        step = self.next_step()
        while step < self.max_steps:
            # Chunks end at multiples of their length, so a resumed run falls into step.
            end = step - step % self.steps_per_batch + self.steps_per_batch
            end = min(end, self.max_steps)
            yield Chunk(Step(number, self._batch(number)) for number in range(step, end))
            step = end

    def _batch(self, number: int) -> Batch:
        return self.data.train_batch(
            number, self.batch_size, self.seed, self.rank, self.world_size
        )


@final
class SingleBatch:
    """One batch, once per validation."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    def __iter__(self) -> Iterator[Batch]:
        return iter([self.batch])

    def __len__(self) -> int:
        return 1


def _moved(batch: Batch, device: torch.device) -> Batch:
    return Batch._make(None if part is None else part.to(device) for part in batch)
