"""Data in memory from what a notebook has: a tensor, an array, or a data set of PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from interpolants.data.base import Data
from interpolants.data.dataset_source import DatasetSource
from interpolants.data.finite import FiniteData
from interpolants.utils.checks import check

_NUMBERS = "biuf"


def in_memory(where: str, x: Any, label: Any = None) -> Data:
    """Data of what is given, standardised unless it is `Data` already.

    Args:
        where: setting that it comes from, for error messages.
        x: rows (N, *event), a tensor, an array or what NumPy converts to one; a map-style data set
            of PyTorch, whose items are x, (x, label) or a dict of them, and are read into memory;
            or `Data`.
        label: a class 0, 1, ..., or its name, (N,), or a vector, (N, C), for each row.

    Raises:
        ValueError: if it is something else, or labels come from two places.
    """
    if isinstance(x, (Data, Dataset)):
        fix = "leave label out, and give it with the rows"
        check(label is None, f"{where}.label", f"none beside {type(x).__name__}", "some", fix)
    if isinstance(x, Data):
        return x
    if isinstance(x, Dataset):
        source = DatasetSource(x, where=f"{where}.x")
        rows, labels = source.fetch(np.arange(len(source)))
        data = FiniteData(
            torch.from_numpy(rows), None if labels is None else torch.from_numpy(labels)
        )
        data.classes = source.classes
        return data
    return FiniteData(_tensor(f"{where}.x", x), None if label is None else _labels(where, label))


def _labels(where: str, label: Any) -> Any:
    """Labels as a tensor; names of classes as an array of text."""
    if not isinstance(label, Tensor):
        values = np.asarray(label)
        if values.dtype.kind in "OU" and all(isinstance(name, str) for name in values.flat):
            return values.astype(str)
    return _tensor(f"{where}.label", label)


def _tensor(where: str, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach().cpu()
    array = np.asarray(value)
    columns = getattr(value, "columns", ())
    text = [str(name) for name in columns if np.asarray(value[name]).dtype.kind not in _NUMBERS]
    fix = f"leave out {', '.join(text)}, or train on its file, with data=file" if text else ""
    rule = "numbers: a tensor, an array or a data set of PyTorch"
    check(array.dtype.kind in _NUMBERS, where, rule, type(value).__name__, fix)
    return torch.from_numpy(np.ascontiguousarray(array))
