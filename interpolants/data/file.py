"""Rows of a user's file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import final

import numpy as np
import torch
from torch import Tensor

from interpolants.data.base import CELL, Batch
from interpolants.data.categories import Categories, classes_of
from interpolants.data.finite import FiniteData
from interpolants.data.pixels import dequantised
from interpolants.data.reading import Array, as_rows, read_array
from interpolants.data.split_data import held_out_by_hash
from interpolants.data.table_file import Dialect
from interpolants.data.table_rows import (
    TABLES,
    TableRows,
    TableSettings,
    is_table,
    open_table,
    read_rows,
)
from interpolants.utils.checks import check, check_open_interval, check_seed
from interpolants.utils.seeds import keyed_generator

_ARRAYS = (".npy", ".npz")


@final
class File(FiniteData):
    """Rows of a table (.csv, .tsv, .txt, .parquet, .feather) or of an array (.npy, .npz).

    A text file may be compressed (.gz, .bz2, .xz, .zip, .zst). Arrays have shape
    (rows, *event); a one-dimensional array has rows of one number. Labels are classes, one for
    each distinct number or string, in sorted order; or vectors of numbers.

    Args:
        path: the file; relative paths start at the current folder, and ~ is the home folder.
        key: the array to read from a .npz archive; not needed if it is the only one.
        columns: names of the columns to read, in this order; all but the label if None, without
            those that have no name. Columns of a file without a header are called "0", "1", ....
        label: name of the column or .npz array of classes; for vectors, a list of columns or the
            name of an array of shape (rows, C); no labels if None.
        sep: character between the cells of a text file, or tab, comma, semicolon, space, pipe; if
            None, the one that splits the first lines evenly.
        header: whether the first line of a text file has the names of columns; if None, it has if
            none of its cells is a number, or if they count 0, 1, 2, ....
        decimal: point or comma, before the decimals of numbers in a text file.
        missing: "refuse" or "drop" rows of a table with an empty cell, NA, nan, null or none.
        categorical: names of columns of categories, text or numbers. A network sees one number for
            each category (one-hot), and samples have one category each.
        integer: names of columns of whole numbers. In training each gets uniform noise in
            (-1/2, 1/2), new in each batch, so that it has a density; samples are rounded.
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
        sep: str | None = None,
        header: bool | None = None,
        decimal: str = "point",
        missing: str = "refuse",
        categorical: Sequence[str] = (),
        integer: Sequence[str] = (),
        standardize: bool = True,
        held_out_fraction: float = 0.2,
        split_seed: int = 0,
    ) -> None:
        dialect = Dialect(sep, header, decimal)
        settings = TableSettings(columns, label, missing, categorical, integer)
        file = _existing(path)
        values, labels, table = _read(file, key, dialect, settings)
        self._whole = list[int]()
        split = None
        if table is not None:
            self.table, self.columns = table.columns, table.columns.coordinates
            self._whole = table.columns.integer_coordinates
            split = _split(table, held_out_fraction, split_seed)
        rows = as_rows("File", values, str(file))
        classes, self.classes = _labels(labels, len(rows))
        self.label_columns = (label,) if isinstance(label, str) else tuple(label or ())
        super().__init__(
            rows,
            classes,
            standardize=standardize,
            held_out_fraction=held_out_fraction,
            split_seed=split_seed,
            is_held_out=split,
        )

    def train_batch(
        self, step: int, size: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> Batch:
        batch = super().train_batch(step, size, seed, rank, world_size)
        if not self._whole:
            return batch
        generator = keyed_generator(CELL, seed, step)
        noise = dequantised(torch.zeros(world_size * size, len(self._whole)), generator)
        x = batch.x1.clone()
        x[:, self._whole] += noise[rank * size : (rank + 1) * size]
        return batch._replace(x1=x)

    def known_rows(self) -> Iterator[Tensor]:
        """Iterator over all rows, with both ends of the cells of whole numbers."""
        for rows in super().known_rows():
            for end in (-0.5, 0.5) if self._whole else ():
                x = rows.clone()
                x[:, self._whole] += end
                yield x
            yield rows

    def dequantised(self, x: Tensor, generator: torch.Generator) -> Tensor:
        if not self._whole:
            return x
        x = x.clone()
        x[:, self._whole] = dequantised(x[:, self._whole], generator)
        return x


def _existing(path: str) -> Path:
    """File at a path of the user, of a known kind."""
    file = Path(path).expanduser()
    known = is_table(file) or file.suffix.lower() in _ARRAYS
    kinds = f"a {', '.join(TABLES)}, .npy or .npz file"
    fix = "text may be compressed, as .csv.gz, .csv.bz2, .csv.xz, .csv.zip or .csv.zst"
    check(known, "File.path", kinds, path, fix)
    fix = f"relative paths start at {Path.cwd()}"
    check(file.is_file(), "File.path", "an existing file", path, fix)
    return file


def _read(
    file: Path, key: str | None, dialect: Dialect, settings: TableSettings
) -> tuple[Array, Array | Categories | None, TableRows | None]:
    """Rows and labels of a file, and where they come from if it is a table."""
    if is_table(file):
        check(key is None, "File.key", "null for a table", key, "select with `columns`")
        rows = read_rows(open_table("File", file, dialect), settings)
        return rows.values(), rows.classes if rows.vectors is None else rows.vectors, rows
    found = dialect._asdict() | settings._asdict()
    unused = Dialect()._asdict() | TableSettings(label=settings.label)._asdict()
    for name, value in found.items():
        same = value == unused[name] or value == []
        rule = f"{unused[name] or 'null'} for an array file"
        check(same, f"File.{name}", rule, value, "leave it out")
    return *_array(file, key, settings.label), None


def _array(
    path: Path, key: str | None, label: str | Sequence[str] | None
) -> tuple[Array, Array | Categories | None]:
    """Rows and labels of an array file."""
    named = label is None or isinstance(label, str)
    check(named, "File.label", "the name of one array", label)
    assert label is None or isinstance(label, str)
    values, labels = read_array("File", path, key, label)
    if labels is None or labels.ndim != 1:
        return values, labels
    return values, classes_of("File.label", labels)


def _split(rows: TableRows, held_out_fraction: float, split_seed: int) -> Tensor | None:
    """Held-out rows of a table with categories.

    Their hash does not depend on which categories other rows have.
    """
    if not rows.categories:
        return None
    check_open_interval("File.held_out_fraction", held_out_fraction, 0, 1)
    check_seed("File.split_seed", split_seed)
    return held_out_by_hash("File", rows.content(), held_out_fraction, split_seed)


def _labels(
    labels: Array | Categories | None, num_rows: int
) -> tuple[Tensor | None, tuple[str, ...]]:
    """Labels as tensors, with the names of classes."""
    if labels is None:
        return None, ()
    if isinstance(labels, Categories):
        rule = f"shape ({num_rows},), or ({num_rows}, C) of numbers"
        check(len(labels.codes) == num_rows, "File.label", rule, labels.codes.shape)
        return torch.from_numpy(labels.codes), labels.names
    numbers = np.issubdtype(labels.dtype, np.number) or labels.dtype == np.bool_
    fits = labels.ndim == 2 and numbers and len(labels) == num_rows
    rule = f"shape ({num_rows},), or ({num_rows}, C) of numbers"
    check(fits, "File.label", rule, labels.shape)
    return torch.from_numpy(labels.astype(np.float64)), ()
