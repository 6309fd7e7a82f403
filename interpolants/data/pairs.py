"""Pairs (x0, x1) from a file, for paired ends."""

from __future__ import annotations

from pathlib import Path
from typing import final

import torch
from torch import Tensor

from interpolants.checks import check
from interpolants.data.base import Batch, Data, FiniteData
from interpolants.data.reading import read_array
from interpolants.data.standardize import moments


@final
class Pairs(Data):
    """Rows of a .npz archive with arrays `x0` and `x1`; rows of the same number are paired.

    Use it with coupling=paired, and once more as the base's data with side=x0, so that sampling
    starts from the law of x0.

    Args:
        path: the archive; both arrays have the same shape, (N, *event).
        side: "x1" to serve x1 with its x0, "x0" to serve x0 alone.
        standardize: whether networks see each coordinate of an end with the mean 0 and standard
            deviation 1 of that end's training rows.
        held_out_fraction: share of pairs kept out of training, in (0, 1).
        split_seed: fixes which pairs those are.

    Raises:
        ValueError: if there is no such file or array, the shapes differ, or a value is not finite.
    """

    def __init__(
        self,
        *,
        path: str,
        side: str = "x1",
        standardize: bool = True,
        held_out_fraction: float = 0.2,
        split_seed: int = 0,
    ) -> None:
        check(side in ("x0", "x1"), "Pairs.side", "x0 or x1", side)
        file = Path(path)
        is_archive = file.is_file() and file.suffix == ".npz"
        check(is_archive, "Pairs.path", "an existing .npz file with arrays x0 and x1", path)
        x0, x1 = _read(file, "x0"), _read(file, "x1")
        same = x0.shape == x1.shape
        check(same, "Pairs.path", "x0 and x1 of one shape", (tuple(x0.shape), tuple(x1.shape)))
        # One split, one order: the pair is a row of the set.
        self._rows = FiniteData(
            torch.stack([x0, x1], dim=1),
            standardize=False,
            held_out_fraction=held_out_fraction,
            split_seed=split_seed,
        )
        self._end = int(side == "x1")
        self.event_shape = tuple(x1.shape[1:])
        self.shift, self.scale = torch.zeros(self.event_shape), torch.ones(self.event_shape)
        if standardize:
            self.shift, self.scale = moments(self._rows.train_rows[:, self._end])

    def train_batch(
        self, step: int, size: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> Batch:
        return self._serve(self._rows.train_batch(step, size, seed, rank, world_size).x1)

    def sample(self, n: int, generator: torch.Generator) -> Batch:
        return self._serve(self._rows.sample(n, generator).x1)

    def held_out(self, n: int, seed: int) -> Batch:
        return self._serve(self._rows.held_out(n, seed).x1)

    def reference_pair(self, n: int, draw: int = 0) -> tuple[Tensor, Tensor]:
        first, second = self._rows.reference_pair(n, draw)
        return first[:, self._end], second[:, self._end]

    def _serve(self, rows: Tensor) -> Batch:
        return Batch(rows[:, self._end], x0=rows[:, 0] if self._end else None)


def _read(file: Path, key: str) -> Tensor:
    values = torch.as_tensor(read_array(file, key, None)[0]).float()
    return values.unsqueeze(1) if values.dim() == 1 else values
