"""Maps from samples to a few numbers that tell what one sees in them."""

from __future__ import annotations

import abc
import hashlib
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from interpolants.data.base import Data
from interpolants.data.split_data import SplitData
from interpolants.utils.files import replace

FOLDER = Path("~/.cache/interpolants/features")
"""Where what is made of training data is kept."""

_CHUNK = 1_000
_LATEST = 4
# What several metrics ask for in turn: by the map's name, and the shape and a hash of the samples.
_latest: dict[tuple[str, tuple[int, ...], str], Tensor] = {}


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

    @property
    def kept(self) -> Path | None:
        """The file where features of the training rows are kept, once it is fitted; None where
        features are soon made anew, and none are kept."""
        return None

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """Features on the host, float32, (n, F); those of the latest sets are not made anew."""
        if self.kept is None:
            return self._mapped(x)
        content = x.detach().cpu().float().numpy().tobytes()
        key = (self.name, tuple(x.shape), hashlib.sha256(content).hexdigest())
        found = _latest.pop(key, None)
        _latest[key] = self._mapped(x) if found is None else found
        if len(_latest) > _LATEST:
            del _latest[next(iter(_latest))]
        return _latest[key]

    @torch.no_grad()
    def of_training(self, data: Data) -> Tensor:
        """Features of all training rows, (N, F), of data that it is fitted to first."""
        self.fit(data)
        kept = self.kept
        if kept is None:
            return torch.cat([self._mapped(rows) for rows in training_chunks(data)])
        if not kept.exists():
            found = torch.cat([self._mapped(rows) for rows in training_chunks(data)])
            replace(kept, lambda file: torch.save(found, file))
        # Mapped, so that metrics and processes share the memory.
        rows: Tensor = torch.load(kept, map_location="cpu", weights_only=True, mmap=True)
        return rows

    def _mapped(self, x: Tensor) -> Tensor:
        return torch.cat([self.map(part).cpu() for part in x.split(_CHUNK)])  # type: ignore[no-untyped-call]


def training_chunks(data: Data) -> Iterator[Tensor]:
    """All training rows, a thousand at a time; of a law, the draws of its `fitting_batch`."""
    if isinstance(data, SplitData):
        for first in range(0, data.num_train, _CHUNK):
            yield data.rows(torch.arange(first, min(first + _CHUNK, data.num_train))).x1
    else:
        yield from data.fitting_batch().x1.split(_CHUNK)  # type: ignore[no-untyped-call]


def training_hash(data: Data, recipe: object, *more: Tensor) -> str:
    """Names what is made of training rows: a hash of these, of a recipe that is printed the same
    each time, of the units, and of what else it depends on."""
    digest = hashlib.sha256(repr(recipe).encode())
    for rows in training_chunks(data):
        digest.update(rows.numpy().tobytes())
    for part in (*more, data.shift, data.scale):
        digest.update(part.numpy().tobytes())
    return digest.hexdigest()[:16]
