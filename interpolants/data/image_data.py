"""Images with 8-bit pixels."""

from __future__ import annotations

import abc
from collections.abc import Iterator

import torch
from torch import Tensor

from interpolants.data.base import FIT, Batch
from interpolants.data.pixels import dequantised, mirrored
from interpolants.data.split_data import SplitData
from interpolants.utils.seeds import keyed_generator

# Images are large: the number of rows to fit to, and of rows in a chunk.
_MOST_FIT_ROWS = 10_000


class ImageData(SplitData):
    """Images (C, H, W) whose pixels are whole numbers from 0 to 255 in raw units.

    They are scaled to [-1, 1] for networks. Subclasses return uint8; batches are float32.

    Args:
        event_shape: (C, H, W).
        flip: whether to mirror a random half of the images of each training batch from left to
            right. Held-out images, references and the draws of `sample` are never mirrored.
    """

    def __init__(self, event_shape: tuple[int, ...], *, flip: bool) -> None:
        self.event_shape = event_shape
        self.flip = flip
        self.shift = torch.full(event_shape, 127.5)
        self.scale = torch.full(event_shape, 127.5)

    @abc.abstractmethod
    def pixels(self, numbers: Tensor, *, held_out: bool = False) -> Tensor:
        """Images by their indices on one side of the split, uint8, shape (B, C, H, W)."""

    def rows(self, numbers: Tensor, *, held_out: bool = False) -> Batch:
        labels = self.labels(held_out=held_out)
        x = self.pixels(numbers, held_out=held_out).float()
        return Batch(x, None if labels is None else labels[numbers])

    def train_batch(
        self, step: int, size: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> Batch:
        batch = super().train_batch(step, size, seed, rank, world_size)
        x1 = mirrored(batch.x1, step, seed, rank, world_size) if self.flip else batch.x1
        return batch._replace(x1=x1)

    @property
    def standardized(self) -> bool:
        return False

    def fitting_batch(self) -> Batch:
        """At most 10,000 training images, always the same, in random order."""
        order = torch.randperm(self.num_train, generator=keyed_generator(FIT))
        return self.rows(order[:_MOST_FIT_ROWS])

    def known_rows(self) -> Iterator[Tensor]:
        for held_out in (False, True):
            count = self.count(held_out=held_out)
            for first in range(0, count, _MOST_FIT_ROWS):
                numbers = torch.arange(first, min(first + _MOST_FIT_ROWS, count))
                yield self.rows(numbers, held_out=held_out).x1

    def dequantised(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return dequantised(x, generator)
