"""Lines of a text file of cells, read one by one: where the table is wrong, and how it begins."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from interpolants.data.categories import MISSING
from interpolants.data.compressed import DAMAGED, opened
from interpolants.utils.checks import check

Line = tuple[int, list[str]]
"""Number of a line, counted from 1, and its cells without spaces around them."""

# Found in this order: a semicolon goes with decimal commas.
_SEPARATORS = ("\t", ";", "|", ",")
# Lines that are looked at first, and cells at which the fewest do.
_FEWEST, _MOST, _CELLS = 3, 11, 1_000
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
_LOWER = frozenset(value.lower() for value in MISSING)


def cell_lines(owner: str, path: Path, sep: str) -> Generator[Line, None, None]:
    """Lines of a file that are not blank.

    Raises:
        ValueError: if it is not text in UTF-8.
    """
    try:
        with opened(f"{owner}.path", path) as file:
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")  # type: ignore[type-var]
            reader = csv.reader(text, delimiter=sep)
            for row in reader:
                if row:
                    yield reader.line_num, [cell.strip() for cell in row]
    except (*DAMAGED, UnicodeDecodeError, csv.Error) as error:
        fix = "save it as UTF-8 text with a comma, semicolon or tab between cells"
        check(False, f"{owner}.path", f"a table as text in {path}", str(error), fix)


def first_lines(owner: str, path: Path, sep: str) -> list[Line]:
    """First lines of a file.

    Raises:
        ValueError: if there are none, or as `cell_lines`.
    """
    lines: list[Line] = []
    with closing(cell_lines(owner, path, sep)) as found:
        for line in found:
            lines.append(line)
            wide = len(lines) >= _FEWEST and len(lines) * len(line[1]) > _CELLS
            if wide or len(lines) == _MOST:
                break
    check(len(lines) > 0, f"{owner}.path", f"at least one line in {path}", 0)
    return lines


def find_separator(owner: str, path: Path, decimal: str) -> str:
    """Character that splits each of the first lines into equally many cells.

    If there is none, it is a comma, or a semicolon where commas are before decimals.
    """
    for sep in _SEPARATORS:
        if sep == decimal:
            continue
        counts = {len(row) for _, row in first_lines(owner, path, sep)}
        if len(counts) == 1 and counts != {1}:
            return sep
    return ";" if decimal == "," else ","


def number(cell: str, decimal: str) -> float | None:
    """Number in a cell, NaN for one that is missing; None if it is text."""
    if cell.lower() in _LOWER:
        return np.nan
    foreign = "_" in cell or (decimal != "." and "." in cell)
    try:
        return None if foreign else float(cell.replace(decimal, "."))
    except ValueError:
        return None


def has_header(owner: str, lines: Sequence[Line], decimal: str) -> bool:
    """True if the first line has the names of columns.

    It has if none of its cells is a number; or if they are 0, 1, 2, ..., as pandas names columns,
    and other lines have more than whole numbers.

    Raises:
        ValueError: if the first lines leave it open.
    """
    (_, first), *others = lines
    values = [number(cell, decimal) for cell in first]
    if all(value is None or cell == "" for value, cell in zip(values, first, strict=True)):
        return any(value is None for value in values)
    rows = [row for _, row in others if len(row) == len(first)]
    mixed = any(
        value is None and any(number(row[k], decimal) is not None for row in rows)
        for k, value in enumerate(values)
    )
    shown = ", ".join(first[:4])
    rule = f"true or false, since line 1, with {shown}, may have names or data"
    check(not mixed, f"{owner}.header", rule, None)
    whole = [int(cell) for cell in first if cell.isascii() and cell.isdigit()]
    ascending = len(whole) == len(first) and whole == sorted(set(whole))
    counted, several = whole == list(range(len(first))), len(first) > 1
    alike = [all(_is_whole(cell, decimal) for cell in row) for row in rows]
    if counted and several and not all(alike):
        return True
    is_data = not ascending or not rows or not (counted or (several and not any(alike)))
    check(is_data, f"{owner}.header", rule, None)
    return False


def _is_whole(cell: str, decimal: str) -> bool:
    value = number(cell, decimal)
    return value is not None and value == np.floor(value) and decimal not in cell


def slow_columns(
    lines: Iterator[Line],
    names: Sequence[str],
    numbers: Sequence[str],
    texts: Sequence[str],
    *,
    owner: str,
    path: Path,
    decimal: str,
    fix: str,
) -> tuple[dict[str, NDArray[np.float64]], dict[str, list[str]]]:
    """Columns of a file, read cell by cell, so that the first wrong one is named.

    Args:
        lines: lines below the header.
        names: names of all columns.
        numbers, texts, fix: as of `TableFile.read`.
        owner, path: of the file.
        decimal: as of `Dialect`.

    Raises:
        ValueError: as `TableFile.read`.
    """
    rank = {name: k for k, name in enumerate(names)}
    values: list[list[float]] = []
    cells: dict[str, list[str]] = {name: [] for name in texts}
    for line, row in lines:
        rule = f"{len(names)} cells in line {line} of {path}"
        check(len(row) == len(names), f"{owner}.path", rule, len(row))
        found = []
        for name in numbers:
            cell = row[rank[name]]
            value = number(cell, decimal)
            if value is None:
                rule = f"a number in line {line}, column {name!r} of {path}"
                check(False, f"{owner}.path", rule, cell, _advice(cell, decimal, fix))
            else:
                found.append(value)
        values.append(found)
        for name in texts:
            cells[name].append(row[rank[name]])
    columns = np.array(values).reshape(len(values), len(numbers)).T
    return dict(zip(numbers, columns, strict=True)), cells


def _advice(cell: str, decimal: str, fix: str) -> str:
    """Advice for a cell that is not a number."""
    for other, setting in ((",", "comma"), (".", "point")):
        if decimal != other and number(cell, other) is not None and other in cell:
            thousands = _THOUSANDS.fullmatch(cell) and decimal == "."
            rest = ", or take the separators of thousands out" if thousands else ""
            return f"set decimal={setting}{rest}"
    for other, setting in (("\t", "tab"), (";", "semicolon"), (" ", "space"), ("|", "pipe")):
        parts = cell.split(other)
        if len(parts) > 1 and all(number(part, decimal) is not None for part in parts):
            return f"set sep={setting}"
    return fix
