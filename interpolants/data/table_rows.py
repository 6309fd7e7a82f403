"""Rows of a table as numbers, with their labels."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from interpolants.data.arrow_table import ArrowTable
from interpolants.data.categories import Categories
from interpolants.data.columns import Columns, known_columns
from interpolants.data.compressed import inner_suffix
from interpolants.data.csv_table import CsvTable
from interpolants.data.table_file import Dialect, Floats, TableFile
from interpolants.utils.checks import check

_ARROW, _TEXT = (".parquet", ".feather"), (".csv", ".tsv", ".txt")
TABLES = (*_TEXT, *_ARROW)
"""Suffixes of tables; those of text files may be followed by one of a compression."""


class TableSettings(NamedTuple):
    """Choice of what is read of a table; the attributes are arguments of `File`."""

    columns: Sequence[str] | None = None
    label: str | Sequence[str] | None = None
    missing: str = "refuse"
    categorical: Sequence[str] = ()
    integer: Sequence[str] = ()


@final
@dataclass(frozen=True, kw_only=True)
class TableRows:
    """Rows of a table.

    Attributes:
        columns: the columns.
        numbers: values of the columns that are not categorical, by name, (N,).
        categories: the categorical columns, by name.
        classes: the column of labels, or None.
        vectors: labels that are vectors, (N, C), or None.
        places: numbers of the rows in the file, counted from 0, (N,).
    """

    columns: Columns
    numbers: Mapping[str, Floats]
    categories: Mapping[str, Categories]
    classes: Categories | None
    vectors: Floats | None
    places: NDArray[np.int64]

    def values(self) -> Floats:
        """Rows as numbers, (N, D)."""
        return self.columns.encoded(self.numbers, self.categories)

    def content(self) -> Iterable[bytes]:
        """Content of each row, by which equal rows are known.

        It depends on the names of a row's categories, and not on which others there are.
        """
        # 0 and -0 are equal.
        parts = [(values + 0.0).view(np.int64) for values in self.numbers.values()]
        for column in self.categories.values():
            hashes = [hashlib.blake2b(n.encode(), digest_size=8).digest() for n in column.names]
            parts.append(np.frombuffer(b"".join(hashes), dtype=np.int64)[column.codes])
        return (row.tobytes() for row in np.stack(parts, axis=1))


def is_table(path: Path) -> bool:
    """True for a table, by the suffix of the file."""
    return inner_suffix(path) in _TEXT or path.suffix.lower() in _ARROW


def open_table(owner: str, path: Path, dialect: Dialect) -> TableFile:
    """Open a table.

    Args:
        owner: class of the arguments, for error messages.
        path: an existing file for which `is_table` holds.
        dialect: how a text file is written; the default for others.

    Raises:
        ValueError: if it cannot be read as a table, or another file has a dialect.
    """
    if path.suffix.lower() not in _ARROW:
        return CsvTable(owner, path, dialect)
    for name, default in Dialect()._asdict().items():
        value = getattr(dialect, name)
        rule = f"no setting for a {path.suffix} file"
        check(value == default, f"{owner}.{name}", rule, value, "leave it out")
    return ArrowTable(owner, path)


def read_rows(table: TableFile, settings: TableSettings) -> TableRows:
    """Read rows of a table.

    Raises:
        ValueError: if a column is unknown, a cell is not a number, or one is missing and
            `settings.missing` is "refuse".
    """
    label, categorical, integer = settings.label, settings.categorical, settings.integer
    targets = [] if label is None else [label] if isinstance(label, str) else label
    targets = known_columns(f"{table.owner}.label", targets, table.names)
    names = _names(table, targets, settings)
    classes, vectors = (targets, []) if isinstance(label, str) else ([], targets)
    numbers = [name for name in names if name not in categorical]
    fix = "name a text column in `categorical` or `label`, or leave it out with `columns`"
    values, texts = table.read([*numbers, *vectors], [*categorical, *classes], fix)
    gone = {name: np.isnan(column) for name, column in values.items()}
    gone |= {name: column.codes < 0 for name, column in texts.items()}
    kept = ~_missing(table, gone, settings.missing)
    check(len(kept) > 0, f"{table.owner}.path", f"rows in {table.path}", 0)
    if not kept.all():
        values = {name: column[kept] for name, column in values.items()}
        texts = {name: _used(column, kept) for name, column in texts.items()}
    for name in integer:
        _check_whole(table, name, values[name], kept)
    return TableRows(
        columns=Columns(
            names=tuple(names),
            integer=tuple(integer),
            categorical=tuple(categorical),
            categories=tuple(texts[name].names for name in categorical),
        ),
        numbers={name: values[name] for name in numbers},
        categories={name: texts[name] for name in categorical},
        classes=texts[classes[0]] if classes else None,
        vectors=np.stack([values[name] for name in vectors], axis=1) if vectors else None,
        places=np.flatnonzero(kept),
    )


def _names(table: TableFile, targets: Sequence[str], settings: TableSettings) -> list[str]:
    """Names of the columns to read, without the labels."""
    owner, columns = table.owner, settings.columns
    if columns is None:
        names = table.default_columns(targets)
    else:
        names = known_columns(f"{owner}.columns", columns, table.names)
    check(len(names) > 0, f"{owner}.columns", "at least one column of numbers", list(names))
    known_columns(f"{owner}.categorical", settings.categorical, names)
    known_columns(f"{owner}.integer", settings.integer, names)
    both = [name for name in settings.integer if name in settings.categorical]
    check(not both, f"{owner}.integer", "columns that are not categorical", both)
    return names


def _missing(table: TableFile, gone: Mapping[str, Any], rule: str) -> NDArray[np.bool_]:
    """Rows with a missing cell, after they are refused or their number is said."""
    where = f"{table.owner}.missing"
    check(rule in ("refuse", "drop"), where, "refuse or drop", rule)
    counts = {name: int(cells.sum()) for name, cells in gone.items()}
    counts = {name: count for name, count in counts.items() if count}
    rows: NDArray[np.bool_] = np.any(list(gone.values()), axis=0)
    if not counts:
        return rows
    some = f"{int(rows.sum())} of {len(rows)} rows"
    if rule == "refuse":
        name = next(iter(counts))
        place = table.place(int(gone[name].argmax()), name)
        fix = f"{some} have none; set missing=drop to leave them out, or fill them"
        check(False, where, f"a value in {place}", "none", fix)
    check(not rows.all(), where, f"a row of {table.path} without a missing cell", "none")
    each = ", ".join(f"{count} by {name!r}" for name, count in counts.items())
    warnings.warn(f"{where}: dropped {some} with a missing cell ({each})", stacklevel=3)
    return rows


def _used(column: Categories, kept: NDArray[np.bool_]) -> Categories:
    """A column of the rows that are kept, with the categories that occur there."""
    codes = column.codes[kept]
    used, codes = np.unique(codes, return_inverse=True)
    return column._replace(codes=codes, names=tuple(column.names[k] for k in used))


def _check_whole(table: TableFile, name: str, values: Floats, kept: NDArray[np.bool_]) -> None:
    """Require whole numbers in a column."""
    wrong = values != np.floor(values)
    if not wrong.any():
        return
    first = int(wrong.argmax())
    place = table.place(int(np.flatnonzero(kept)[first]), name)
    fix = f"leave {name!r} out of `integer`"
    check(False, f"{table.owner}.integer", f"a whole number in {place}", float(values[first]), fix)
