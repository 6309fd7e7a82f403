"""Data in memory from what a notebook has: a tensor, an array, or a data set of PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from interpolants.data.base import Data
from interpolants.data.finite import FiniteData
from interpolants.utils.checks import check


def in_memory(where: str, x: Any, label: Any = None) -> Data:
    """Data of what is given, standardised unless it is `Data` already.

    Args:
        where: setting that it comes from, for error messages.
        x: rows (N, *event), a tensor, an array or what NumPy converts to one; a map-style data set
            of PyTorch, whose items are x or (x, label) and are read into memory; or `Data`.
        label: a class 0, 1, ..., (N,), or a vector, (N, C), for each row.

    Raises:
        ValueError: if it is something else, or labels come from two places.
    """
    if isinstance(x, (Data, Dataset)):
        fix = "leave label out, and give it with the rows"
        check(label is None, f"{where}.label", f"none beside {type(x).__name__}", "some", fix)
    if isinstance(x, Data):
        return x
    if isinstance(x, Dataset):
        x, label = _items(where, x)
    labels = None if label is None else _tensor(f"{where}.label", label)
    return FiniteData(_tensor(f"{where}.x", x), labels)


def _items(where: str, dataset: Any) -> tuple[Tensor, Tensor | None]:
    """All items of a data set, stacked."""
    readable = hasattr(dataset, "__len__") and not isinstance(dataset, IterableDataset)
    rule, got = "a map-style data set, with __len__ and __getitem__", type(dataset).__name__
    check(readable, f"{where}.x", rule, got, "pass its rows as a tensor")
    items = [dataset[k] for k in range(len(dataset))]
    pairs = bool(items) and all(isinstance(item, (tuple, list)) for item in items)
    lengths = {len(item) for item in items} if pairs else set()
    check(lengths <= {1, 2}, f"{where}.x", "items x or (x, label)", f"tuples of {lengths}")
    columns = list(zip(*items, strict=True)) if pairs else [items]
    parts = [torch.stack([_tensor(f"{where}.x", item) for item in column]) for column in columns]
    return parts[0], parts[1] if len(parts) == 2 else None


def _tensor(where: str, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach().cpu()
    array = np.asarray(value)
    numbers = array.dtype.kind in "biuf"
    rule = "numbers: a tensor, an array or a data set of PyTorch"
    check(numbers, where, rule, type(value).__name__)
    return torch.from_numpy(np.ascontiguousarray(array))
