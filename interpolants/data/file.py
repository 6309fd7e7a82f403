"""Rows of a user's file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

import numpy as np
import torch
from torch import Tensor

from interpolants.data.finite import FiniteData
from interpolants.data.reading import Array, as_rows, read_array, read_csv
from interpolants.utils.checks import check


@final
class File(FiniteData):
    """Rows of a .csv, .npy or .npz file.

    A .csv file may have a header line. Arrays have shape (rows, *event); a one-dimensional array
    has rows of one number. Labels are classes, one for each distinct number or string, in sorted
    order; or vectors of numbers.

    Args:
        path: the file; relative paths start at the current folder.
        key: the array to read from a .npz archive; not needed if it is the only one.
        columns: names of the .csv columns to read, in this order; all but the label if None.
            Columns of a file without a header are called "0", "1", ....
        label: name of the .csv column or .npz array of classes; for vectors, a list of .csv
            columns or the name of an array of shape (rows, C); no labels if None.
        standardize: whether networks see coordinates of mean 0 and standard deviation 1.
        held_out_fraction: fraction of rows held out, by a hash of their values.
        split_seed: another seed makes another choice of these rows.

    Raises:
        ValueError: if the file cannot be read as finite numbers, or an argument does not fit it.
    """

    def __init__(
        self,
        *,
        path: str,
        key: str | None = None,
        columns: Sequence[str] | None = None,
        label: str | Sequence[str] | None = None,
        standardize: bool = True,
        held_out_fraction: float = 0.2,
        split_seed: int = 0,
    ) -> None:
        values, labels, self.columns = _read(Path(path), key, columns, label)
        rows = as_rows("File", values, path)
        classes, self.classes = _labels(labels, len(rows))
        super().__init__(
            rows,
            classes,
            standardize=standardize,
            held_out_fraction=held_out_fraction,
            split_seed=split_seed,
        )


def _read(
    path: Path, key: str | None, columns: Sequence[str] | None, label: str | Sequence[str] | None
) -> tuple[Array, Array | None, tuple[str, ...]]:
    suffix = path.suffix.lower()
    is_csv, is_array = suffix == ".csv", suffix in (".npy", ".npz")
    check(is_csv or is_array, "File.path", "a .csv, .npy or .npz file", str(path))
    fix = f"relative paths start at {Path.cwd()}"
    check(path.is_file(), "File.path", "an existing file", str(path), fix)
    if is_csv:
        check(key is None, "File.key", "null for a .csv file", key, "select with `columns`")
        return read_csv("File", path, columns, label)
    check(columns is None, "File.columns", "null for an array file", columns)
    named = label is None or isinstance(label, str)
    check(named, "File.label", "the name of one array", label)
    assert label is None or isinstance(label, str)
    return *read_array("File", path, key, label), ()


def _labels(labels: Array | None, num_rows: int) -> tuple[Tensor | None, tuple[str, ...]]:
    """Labels as tensors, with the names of classes."""
    if labels is None:
        return None, ()
    numbers = np.issubdtype(labels.dtype, np.number) or labels.dtype == np.bool_
    fits = labels.shape == (num_rows,) or (labels.ndim == 2 and numbers)
    rule = f"shape ({num_rows},), or ({num_rows}, C) of numbers"
    check(fits and len(labels) == num_rows, "File.label", rule, labels.shape)
    if labels.ndim == 2:
        return torch.from_numpy(labels.astype(np.float64)), ()
    kinds, which = np.unique(labels, return_inverse=True)
    return torch.from_numpy(which).long(), tuple(str(kind) for kind in kinds)
