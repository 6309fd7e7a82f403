"""Rows of a file for a trained model: by the names of its columns, in their units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, final
from zipfile import ZipFile, is_zipfile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from interpolants.data.categories import Categories, as_number, classes_of, nearest
from interpolants.data.columns import Columns
from interpolants.data.labels import Label, Labels
from interpolants.data.reading import number_rows, read_array
from interpolants.data.standardize import check_finite_rows
from interpolants.data.table_file import Dialect, TableFile
from interpolants.data.table_rows import TABLES, TableSettings, is_table, open_table, read_rows
from interpolants.utils.checks import check, is_whole

# Error messages name the setting of the commands.
_DATA = "data"


class Rows(NamedTuple):
    """Rows of a file.

    Attributes:
        x: the rows, (n, *event), as precise as the file has them.
        label: label of each row; None where the file has none, or none was asked for.
        places: numbers of the rows in the file, counted from 0, (n,).
        whole: True at coordinates that are whole numbers without a density, of the event's shape.
        notes: lines on what was not read.
    """

    x: Tensor
    label: Label | None
    places: NDArray[np.int64]
    whole: Tensor
    notes: Sequence[str] = ()


@final
@dataclass(frozen=True, kw_only=True)
class RowFile:
    """A table (.csv, .tsv, .txt, .parquet, .feather) or an array (.npy, .npz) of new rows.

    Columns of a table are found by the names that the model was trained with, in any order, and by
    position if its data had no names. Arrays have shape (rows, *event). Labels are in columns of
    the same names as in training, or in the array of that name, and in `label` if it had no name.

    Args:
        path: the file; relative paths start at the current folder, and ~ is the home folder.
        key: the array to read from a .npz archive; not needed if it is the only one.
        sep, header, decimal: how a text file is written, as of `File`.
        missing: "refuse" or "drop" rows of a table with a missing cell.
    """

    path: str
    key: str | None = None
    sep: str | None = None
    header: bool | None = None
    decimal: str = "point"
    missing: str = "refuse"

    def read(
        self,
        shape: Sequence[int],
        columns: Columns | None = None,
        labels: Labels | None = None,
        *,
        labelled: bool = True,
    ) -> Rows:
        """Read the rows.

        Args:
            shape: shape of a row, as the model has it.
            columns: columns of the model's table; None for others.
            labels: labels of the model, which are no coordinates; none if None.
            labelled: whether to read them.

        Raises:
            ValueError: if the file cannot be read as such rows: a column is not there, a cell is
                no number or missing, a category is not one of the model's, or the shape differs.
        """
        file = Path(self.path).expanduser()
        kinds = f"an existing {', '.join(TABLES)}, .npy or .npz file"
        known = is_table(file) or file.suffix.lower() in (".npy", ".npz")
        fix = f"relative paths start at {Path.cwd()}"
        check(known and file.is_file(), "data.path", kinds, self.path, fix)
        if is_table(file):
            check(self.key is None, "data.key", "null for a table", self.key)
            return self._table(file, tuple(shape), columns, labels, labelled)
        for name in ("sep", "header", "decimal", "missing"):
            value, default = getattr(self, name), getattr(RowFile, name)
            rule = f"{default or 'null'} for an array file"
            check(value == default, f"data.{name}", rule, value, "leave it out")
        return self._array(file, tuple(shape), columns, labels, labelled)

    def _table(
        self,
        file: Path,
        shape: tuple[int, ...],
        columns: Columns | None,
        labels: Labels | None,
        labelled: bool,
    ) -> Rows:
        rule, fix = f"rows of shape {shape}", "write them to a .npy file"
        check(len(shape) == 1, "data.path", rule, f"the table {file}", fix)
        table = open_table(_DATA, file, Dialect(self.sep, self.header, self.decimal))
        targets = _targets(table, labels)
        own = columns or _unnamed(table, targets, shape[0])
        targets = targets if labelled else []
        _check_names(table, own.names)
        vectors = labels is not None and labels.size > 0
        label = None if not targets else targets if vectors else targets[0]
        kinds = own.categorical, own.integer
        rows = read_rows(table, TableSettings(own.names, label, self.missing, *kinds))
        rest = [name for name in table.names if name not in {*own.names, *targets}]
        text = f"columns of {file} that the model does not read: {', '.join(rest)}"
        found: Label | None = None
        if rows.vectors is not None:
            found = torch.from_numpy(rows.vectors)
        elif rows.classes is not None and labels is not None:
            found = _classes(rows.classes, labels)
        x = torch.from_numpy(own.encoded(rows.numbers, rows.categories))
        check_finite_rows("data.path", x, torch.from_numpy(rows.places))
        return Rows(x, found, rows.places, _whole(shape, own), [text] if rest else [])

    def _array(
        self,
        file: Path,
        shape: tuple[int, ...],
        columns: Columns | None,
        labels: Labels | None,
        labelled: bool,
    ) -> Rows:
        names = () if labels is None else labels.columns
        name = names[0] if len(names) == 1 else "label"
        there = labels is not None and is_zipfile(file)
        there = there and f"{name}.npy" in ZipFile(file).namelist()
        values, label = read_array(_DATA, file, self.key, name if there else None)
        x = number_rows(_DATA, values, str(file))
        rule = f"rows of shape {shape} in {file}"
        check(tuple(x.shape[1:]) == shape, "data.path", rule, tuple(x.shape[1:]))
        found: Label | None = None
        if label is not None and labels is not None and labelled:
            fits = len(label) == len(x)
            check(fits, "data.path", f"{len(x)} labels in {file}", len(label))
            classes = None if labels.size else classes_of("data.path", label)
            found = torch.from_numpy(label) if classes is None else _classes(classes, labels)
        pixels = columns is None and len(shape) == 3 and values.dtype.kind in "iu"
        whole = torch.ones(shape, dtype=torch.bool) if pixels else _whole(shape, columns)
        return Rows(x, found, np.arange(len(x)), whole)


def _targets(table: TableFile, labels: Labels | None) -> list[str]:
    """Names of the columns of labels, all of them or none."""
    if labels is None:
        return []
    size = (0, labels.size) if labels.size else (0,)
    names = list(labels.table(torch.zeros(size, dtype=torch.int64)))
    found = [name for name in names if name in table.names]
    rule = f"all columns of labels, {', '.join(names)}, in {table.path}, or none"
    check(len(found) in (0, len(names)), "data.path", rule, ", ".join(found))
    return found


def _unnamed(table: TableFile, targets: Sequence[str], size: int) -> Columns:
    """Columns by position, for a model of rows without names."""
    names = table.default_columns(targets)
    rule = f"{size} columns of numbers in {table.path}, for a model without names of columns"
    check(len(names) == size, "data.path", rule, ", ".join(names))
    return Columns(names=tuple(names))


def _check_names(table: TableFile, names: Sequence[str]) -> None:
    """Require the columns of the model."""
    gone = [name for name in names if name not in table.names]
    rule = f"a file with the model's columns {', '.join(names)}"
    fix = nearest(gone[0], table.names) if gone else ""
    check(not gone, "data.path", rule, f"{table.path} without {', '.join(gone)}", fix)


def _whole(shape: Sequence[int], columns: Columns | None) -> Tensor:
    """True at the coordinates of columns of whole numbers."""
    found = torch.zeros(tuple(shape), dtype=torch.bool)
    if columns is not None:
        found[columns.integer_coordinates] = True
    return found


def _classes(found: Categories, labels: Labels) -> Label:
    """Classes of rows by name, or by number if they have no names."""
    names = [found.names[code] for code in found.codes]
    if labels.names:
        return names
    numbers = [as_number(name) for name in names]
    wrong = next((name for name, k in zip(names, numbers, strict=True) if not is_whole(k)), None)
    check(wrong is None, "data.path", "labels that are numbers of classes", wrong)
    return torch.tensor(numbers)
