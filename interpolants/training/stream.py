"""Streams of batches by step number, restartable at any step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, final

import torch
from torch.utils.data import DataLoader, Dataset

from interpolants.data.base import Batch, Data
from interpolants.objective.step_loss import MicroBatch, micro_batches
from interpolants.training.signals import leave_signals_to_parent, signals_held


class Step(NamedTuple):
    """Data of one optimiser step: its number in the run, and the rank's batch."""

    number: int
    batch: Batch


@final
class Chunk(list[Step]):
    """Steps of one Lightning batch, moved to a device by one call.

    Lightning would otherwise search every part of every step for tensors.
    """

    def to(self, device: torch.device) -> Chunk:
        """Move the chunk to a device; returns itself if it is there."""
        if all(step.batch.x1.device == device for step in self):
            return self
        return Chunk(Step(number, _moved(batch, device)) for number, batch in self)


@final
class StepStream:
    """Stream of chunks of steps, from the current step of the run on.

    For tiny networks the framework's loop takes longer than a step, so one Lightning batch has
    several optimiser steps. Batches depend only on (seed, step, rank): iteration from step k on
    yields the same batches as an uninterrupted run.

    Args:
        data: source of the batches.
        batch_size: samples per step, over all processes.
        seed: seed of the run.
        steps_per_batch: optimiser steps in one chunk; the last chunk of a run may be shorter.
        max_steps: length of the run.
        next_step: returns the number of the next step, called when iteration starts.
        ranks: returns the number of this process and of all, called likewise; one process if None.
        workers: processes that prepare batches ahead, none if 0; batches are the same.
        overfit_batch: whether every step has the batch of the first.
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
        ranks: Callable[[], tuple[int, int]] | None = None,
        workers: int = 0,
        overfit_batch: bool = False,
    ) -> None:
        self.data = data
        self.batch_size = batch_size
        self.seed = seed
        self.steps_per_batch = steps_per_batch
        self.max_steps = max_steps
        self.next_step = next_step
        self.ranks = ranks
        self.workers = workers
        self.overfit_batch = overfit_batch

    def __iter__(self) -> Iterator[Chunk]:
        step = self.next_step()
        batches = self._batches(step)
        while step < self.max_steps:
            # Chunks end at multiples of their length, also in a resumed run.
            end = step - step % self.steps_per_batch + self.steps_per_batch
            end = min(end, self.max_steps)
            yield Chunk(Step(number, next(batches)) for number in range(step, end))
            step = end

    def _batches(self, first: int) -> Iterator[Batch]:
        """Iterator over the batches of the steps from `first` on."""
        steps = _Steps(self.data, self.batch_size, self.seed, *self._ranks())
        numbers: Sequence[int] = range(first, self.max_steps)
        if self.overfit_batch:
            numbers = [0] * len(numbers)
        if not self.workers:
            return map(steps.__getitem__, numbers)
        loader: Iterable[Batch] = DataLoader(
            steps,
            batch_size=None,
            sampler=numbers,
            num_workers=self.workers,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=leave_signals_to_parent,
        )
        with signals_held():
            return iter(loader)

    def _ranks(self) -> tuple[int, int]:
        return (0, 1) if self.ranks is None else self.ranks()


@final
class _Steps(Dataset[Batch]):
    """Batches of one process, by step number."""

    def __init__(self, data: Data, batch_size: int, seed: int, rank: int, world_size: int) -> None:
        self.data, self.seed, self.rank, self.world_size = data, seed, rank, world_size
        self.size = batch_size // world_size

    def __getitem__(self, number: int) -> Batch:
        return self.data.train_batch(number, self.size, self.seed, self.rank, self.world_size)


@final
class HeldOut:
    """Validation batch, in parts of at most `size` rows; undivided if None."""

    def __init__(self, batch: Batch, size: int | None = None) -> None:
        self.parts = micro_batches(batch, size or len(batch.x1))

    def __iter__(self) -> Iterator[MicroBatch]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)


def _moved(batch: Batch, device: torch.device) -> Batch:
    return Batch._make(None if part is None else part.to(device) for part in batch)
