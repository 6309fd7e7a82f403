"""Maps from samples to a few numbers that tell what one sees in them."""

from __future__ import annotations

import abc
from collections.abc import Iterator

import torch
from torch import Tensor

from interpolants.data.base import Data
from interpolants.data.split_data import SplitData

_CHUNK = 1_000


class Features(abc.ABC):
    """A map of samples in the data's units, fixed once it has been fitted.

    Distances in features of different names cannot be compared.
    """

    @abc.abstractmethod
    def fit(self, data: Data) -> None:
        """Take what the map needs from training data; nothing if that is done.

        Raises:
            ValueError: if the data do not suit.
        """

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """What the map is, and which one: it names the weights by a hash of them."""

    @abc.abstractmethod
    def map(self, x: Tensor) -> Tensor:
        """Features, float32, (n, F), of few enough samples, (n, *event), for memory."""

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """Features on the host, float32, (n, F)."""
        return torch.cat([self.map(part).cpu() for part in x.split(_CHUNK)])  # type: ignore[no-untyped-call]

    def of_training(self, data: Data) -> Tensor:
        """Features of all training rows, (N, F)."""
        return torch.cat([self(rows) for rows in training_chunks(data)])


def training_chunks(data: Data) -> Iterator[Tensor]:
    """All training rows, a thousand at a time; of a law, the draws of its `fitting_batch`."""
    if isinstance(data, SplitData):
        for first in range(0, data.num_train, _CHUNK):
            yield data.rows(torch.arange(first, min(first + _CHUNK, data.num_train))).x1
    else:
        yield from data.fitting_batch().x1.split(_CHUNK)  # type: ignore[no-untyped-call]
