"""Feature maps, from samples to a few perceptual numbers."""

from __future__ import annotations

import abc
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor

from interpolants.data.base import Data
from interpolants.data.split_data import SplitData
from interpolants.metric.features.cache import cached
from interpolants.utils.plain import Rule

FOLDER = Path("~/.cache/interpolants/features")
"""Default folder of cached features of training data."""

_CHUNK = 1_000
_LATEST = 4
# Shared by metrics: features by the map's name, and the shape and a hash of the samples.
_latest: dict[tuple[str, tuple[int, ...], str], Tensor] = {}


class Features(abc.ABC):
    """Feature map of samples in the data's units, fixed once it is fitted.

    Distances in features of different names cannot be compared.
    """

    @abc.abstractmethod
    def fit(self, data: Data) -> None:
        """Fit the map to training data, unless it already is.

        Raises:
            ValueError: if the map does not apply to the data.
        """

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """Name of the map, with a hash of its weights."""

    @abc.abstractmethod
    def map(self, x: Tensor) -> Tensor:
        """Features, float32 or better, (n, F), of a chunk of samples, (n, *event)."""

    @property
    def kept(self) -> Path | None:
        """Cache file of the features of the training rows; None if they are fast to compute."""
        return None

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """Features on the host, (n, F); those of the latest samples are cached."""
        if self.kept is None:
            return self._mapped(x)
        content = x.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
        key = (self.name, tuple(x.shape), hashlib.sha256(content).hexdigest())
        found = _latest.pop(key, None)
        _latest[key] = self._mapped(x) if found is None else found
        if len(_latest) > _LATEST:
            del _latest[next(iter(_latest))]
        return _latest[key]

    @torch.no_grad()
    def of_training(self, data: Data) -> Tensor:
        """Fit the map to the data, and compute features of all training rows, (N, F)."""
        self.fit(data)

        def make() -> Tensor:
            return torch.cat([self._mapped(rows) for rows in training_chunks(data)])

        kind = Annotated[Tensor, Rule("features, (N, F)", lambda rows: rows.dim() == 2)]
        found: Tensor = make() if self.kept is None else cached(self.kept, make, kind)
        return found

    def _mapped(self, x: Tensor) -> Tensor:
        return torch.cat([self.map(part).cpu() for part in x.split(_CHUNK)])  # type: ignore[no-untyped-call]


def training_chunks(data: Data) -> Iterator[Tensor]:
    """Iterator over all training rows in chunks of 1000.

    For a distribution they are the draws of its `fitting_batch`.
    """
    if isinstance(data, SplitData):
        for first in range(0, data.num_train, _CHUNK):
            yield data.rows(torch.arange(first, min(first + _CHUNK, data.num_train))).x1
    else:
        yield from data.fitting_batch().x1.split(_CHUNK)  # type: ignore[no-untyped-call]


def training_hash(data: Data, recipe: object, *more: Tensor) -> str:
    """Hash that identifies results computed from training rows.

    Args:
        data: source of the rows, whose units are hashed too.
        recipe: settings of the computation, with a reproducible repr.
        more: further tensors that the results depend on.
    """
    digest = hashlib.sha256(repr(recipe).encode())
    for rows in training_chunks(data):
        digest.update(rows.numpy().tobytes())
    for part in (*more, data.shift, data.scale):
        digest.update(part.numpy().tobytes())
    return digest.hexdigest()[:16]
