"""Data sets in memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from interpolants.data.base import Batch, checked_labels, take
from interpolants.data.categories import classes_of
from interpolants.data.split_data import SplitData, held_out_by_hash, row_bytes
from interpolants.data.standardize import (
    as_precise,
    check_finite_rows,
    check_precise,
    from_numpy,
)
from interpolants.space.euclidean import EuclideanSpace
from interpolants.utils.checks import check, check_open_interval, check_seed
from interpolants.utils.log import to_stderr

# Bytes of rows from which on another way to read them is pointed out.
_MUCH = 2**30


class FiniteData(SplitData):
    """Rows in memory, split once into training and held-out rows.

    Use it directly for tensors or NumPy arrays; subclasses read their rows from files.

    Args:
        x: all rows, shape (N, *event), N >= 2; kept in float32, or in float64 where float32 would
            lose more than 1e-3 of a coordinate's standard deviation.
        label: the class of each row, shape (N,), a vector for each, shape (N, C), or None. Classes
            are whole numbers from 0, or names in a NumPy array of text.
        x0: the base sample that each row is paired with, of the shape of `x`, or None.
        mask: for time series, True at existing observations, bool, shape (N, T), or None.
        standardize: whether to scale each coordinate to mean 0 and standard deviation 1 over the
            training rows for networks; constant coordinates are only shifted.
        held_out_fraction: fraction of rows held out, in (0, 1), by a hash of `x` and `x0`; see
            `held_out_by_hash`.
        split_seed: another seed makes another choice of these rows.
        is_held_out: True for held-out rows, bool, shape (N,), instead of that choice.

    Raises:
        ValueError: if there are fewer than two different rows, a value is NaN or infinite, the
            labels, the base samples or the masks do not match the rows, the split leaves a side
            empty, or rows that are not standardized need float64.
    """

    def __init__(
        self,
        x: Tensor,
        label: Tensor | None = None,
        x0: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        standardize: bool = True,
        held_out_fraction: float = 0.2,
        split_seed: int = 0,
        is_held_out: Tensor | None = None,
    ) -> None:
        name = type(self).__name__
        if isinstance(label, np.ndarray) and label.dtype.kind in "US":
            found = classes_of(f"{name}.label", label)
            label, self.classes = torch.from_numpy(found.codes), found.names
        x, label, x0, mask = from_numpy(x), from_numpy(label), from_numpy(x0), from_numpy(mask)
        is_held_out = from_numpy(is_held_out)
        check_open_interval(f"{name}.held_out_fraction", held_out_fraction, 0, 1)
        check_seed(f"{name}.split_seed", split_seed)
        rows = _checked_rows(name, x, label, x0, mask)
        if rows.x1.nbytes >= _MUCH:
            text = f"{rows.x1.nbytes >> 20} MiB of rows take several times as much memory"
            to_stderr(f"{name}: {text}; data=array reads them from their file instead")
        if is_held_out is None:
            values = x if x0 is None else torch.cat([x.flatten(1), x0.flatten(1)], dim=1)
            content = row_bytes(values.double())
            is_held_out = held_out_by_hash(name, content, held_out_fraction, split_seed)
        train, held_out = _numbers(name, is_held_out, len(x))
        self._train, self._held_out = take(rows, train), take(rows, held_out)
        self.event_shape = tuple(x.shape[1:])
        self.shift, self.scale = torch.zeros(self.event_shape), torch.ones(self.event_shape)
        self._standardized = standardize
        if not standardize:
            check_precise(f"{name}.standardize", rows.x1)
        else:
            self.shift, self.scale = self.chart_moments(EuclideanSpace(), self._train.x1)

    @property
    def train_rows(self) -> Tensor:
        """All training rows, shape (num_train, *event)."""
        return self._train.x1

    def rows(self, numbers: Tensor, *, held_out: bool = False) -> Batch:
        return take(self._side(held_out), numbers)

    def count(self, *, held_out: bool = False) -> int:
        return len(self._side(held_out).x1)

    def labels(self, *, held_out: bool = False) -> Tensor | None:
        return self._side(held_out).label

    @property
    def standardized(self) -> bool:
        return self._standardized

    def fitting_batch(self) -> Batch:
        return self._train

    def known_rows(self) -> Iterator[Tensor]:
        yield torch.cat([self._train.x1, self._held_out.x1])

    def _side(self, held_out: bool) -> Batch:
        return self._held_out if held_out else self._train


def _checked_rows(
    name: str, x: Tensor, label: Tensor | None, x0: Tensor | None, mask: Tensor | None
) -> Batch:
    """Batch of all rows as they are kept, after a check that the parts fit together."""
    check(isinstance(x, Tensor), f"{name}.x", "a tensor or a NumPy array", type(x).__name__)
    fix = "write x[:, None] for rows of one number"
    check(x.dim() >= 2, f"{name}.x", "shape (rows, *event)", tuple(x.shape), fix)
    check(len(x) >= 2, f"{name}.x", "at least 2 rows", len(x))
    label = None if label is None else checked_labels(f"{name}.label", label, len(x))
    check_finite_rows(f"{name}.x", x)
    x = as_precise(x)
    if x0 is not None:
        check(x0.shape == x.shape, f"{name}.x0", f"shape {tuple(x.shape)}", tuple(x0.shape))
        check_finite_rows(f"{name}.x0", x0)
        x0 = as_precise(x0)
    if mask is not None:
        fits = mask.dtype == torch.bool and mask.shape == x.shape[:2]
        rule = f"true and false of shape {tuple(x.shape[:2])}"
        check(fits, f"{name}.mask", rule, (mask.dtype, tuple(mask.shape)))
    return Batch(x, label, x0, mask)


def _numbers(name: str, is_held_out: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Indices of the training and of the held-out rows."""
    count = int(is_held_out.sum())
    fits = is_held_out.dtype == torch.bool and is_held_out.shape == (n,) and 0 < count < n
    check(fits, f"{name}.is_held_out", f"{n} times true or false, and both of them", count)
    return (~is_held_out).nonzero().flatten(), is_held_out.nonzero().flatten()
