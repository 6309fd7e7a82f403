"""Rows of an array that stays in its file."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, final

import numpy as np

from interpolants.data.large import LargeData
from interpolants.data.row_source import Places, Rows, RowSource
from interpolants.data.stored_arrays import array_names, open_arrays, readable
from interpolants.utils.checks import check

# Memory of one row.
_MOST_BYTES = 2**30


@final
class Array(LargeData):
    """Rows of a .npy, .npz, .h5 or .zarr array of any size, read when a batch needs them.

    The array has shape (rows, *event); a one-dimensional one has rows of one number. .npy files
    and .npz archives, which must not be compressed, are mapped into memory. For arrays that fit
    into memory `File` and `ImageFile` use all rows for units and fingerprint, and hold out rows by
    their values.

    Args:
        path: the file or folder; relative paths start at the current folder.
        key: the array in a .npz, .h5 or .zarr group, as "a" or "group/a"; not needed if it is the
            only one beside the labels.
        label: the array of labels beside it, classes 0, 1, ..., (rows,), or vectors, (rows, C);
            for a .npy file, the name of another .npy file in the same folder; no labels if None.
        pixels, flip, standardize, held_out_fraction, split_seed: as of `LargeData`.
        sample_rows, num_classes: as of `LargeData`.

    Raises:
        ValueError: if the file cannot be read, or an argument does not fit it; and by a batch with
            a value that is not finite, naming its row.
    """

    def __init__(
        self,
        *,
        path: str,
        key: str | None = None,
        label: str | None = None,
        pixels: bool = False,
        flip: bool = False,
        standardize: bool = True,
        held_out_fraction: float = 0.2,
        split_seed: int = 0,
        sample_rows: int = 10_000,
        num_classes: int | None = None,
    ) -> None:
        super().__init__(
            _ArraySource(path, key, label),
            pixels=pixels,
            flip=flip,
            standardize=standardize,
            held_out_fraction=held_out_fraction,
            split_seed=split_seed,
            sample_rows=sample_rows,
            num_classes=num_classes,
        )


class _ArraySource(RowSource):
    """Rows of an array in a file, and the labels beside it."""

    where = "Array.path"

    def __init__(self, path: str, key: str | None, label: str | None) -> None:
        self.place, self._path = path, os.path.abspath(path)
        self._key, self._label = key, label
        self._opened: tuple[int, Any, Any] | None = None
        x, labels = self._arrays()
        check(len(x.shape) >= 1, self.where, f"rows in {path}", "a single number")
        check(x.dtype.kind in "fiub", self.where, f"real numbers in {path}", str(x.dtype))
        # Of a row, and of what is read with it.
        shapes = (x.shape[1:], getattr(x, "chunks", None) or ())
        row, chunk = (x.dtype.itemsize * math.prod(shape) for shape in shapes)
        fits = 0 < row <= _MOST_BYTES and chunk <= _MOST_BYTES
        check(fits, self.where, "rows of 1 byte to 1 GiB, and chunks of at most 1 GiB", x.shape)
        if labels is not None:
            rule = f"labels for {x.shape[0]} rows"
            fits = len(labels.shape) in (1, 2) and labels.shape[0] == x.shape[0]
            check(fits, "Array.label", rule, labels.shape)

    def __len__(self) -> int:
        return int(self._arrays()[0].shape[0])

    def fetch(self, places: Places) -> tuple[Rows, Rows | None]:
        with readable("Array", Path(self._path)):
            return _rows(self._arrays()[0], places), self.labels(places)

    def labels(self, places: Places) -> Rows | None:
        labels = self._arrays()[1]
        return None if labels is None else _rows(labels, places)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_opened": None}

    def _arrays(self) -> tuple[Any, Any]:
        """Open arrays of this process: handles of .h5 files do not survive a fork."""
        opened = self._opened
        if opened is None or opened[0] != os.getpid():
            with readable("Array", Path(self._path)):
                opened = (os.getpid(), *self._open())
            self._opened = opened
        return opened[1:]

    def _open(self) -> tuple[Any, Any]:
        path = Path(self._path)
        found = open_arrays("Array", path)
        if hasattr(found, "dtype"):
            check(self._key is None, "Array.key", "null for a single array", self._key)
            is_npy = path.suffix.lower() == ".npy"
            if self._label is None or not is_npy:
                rule, fix = "null for a single array", "store both in a group"
                check(self._label is None, "Array.label", rule, self._label, fix)
                return found, None
            name = Path(self._label)
            fits = name.name == self._label and name.suffix.lower() == ".npy"
            rule = f"the name of a .npy file in {path.parent}"
            check(fits and (path.parent / name).is_file(), "Array.label", rule, self._label)
            return found, open_arrays("Array", path.parent / name)
        names = [name for name in array_names(found) if name != self._label]
        key = self._key
        if key is None:
            rule = f"one of {', '.join(names)}, the arrays in {path}"
            check(len(names) == 1, "Array.key", rule, key)
            key = names[0]
        return _member(found, "key", key), _member(found, "label", self._label)


def _member(arrays: Any, argument: str, name: str | None) -> Any:
    if name is None:
        return None
    rule = f"one of the arrays {', '.join(array_names(arrays))}"
    found = arrays[name] if name in arrays else None
    check(hasattr(found, "dtype"), f"Array.{argument}", rule, name)
    return found


def _rows(array: Any, places: Places) -> Rows:
    """Rows of an array by their numbers; chunked formats read each once, in ascending order."""
    if isinstance(array, np.ndarray):
        return np.asarray(array[places])
    wanted, back = np.unique(places, return_inverse=True)
    read = getattr(array, "oindex", None)
    found = np.stack([array[k] for k in wanted.tolist()]) if read is None else read[wanted]
    return np.asarray(found)[back]
