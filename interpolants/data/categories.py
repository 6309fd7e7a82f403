"""Names of categories: classes of labels, and the values of text columns."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from interpolants.utils.checks import check

_MISSING = ("", "na", "nan", "n/a", "#n/a", "<na>", "null", "none")
MISSING = tuple({v for m in _MISSING for v in (m, m.upper(), m.title(), "NaN", "#N/A N/A")})
"""Cells that hold nothing, in the usual spellings."""

_NEAREST = 5


class Categories(NamedTuple):
    """A column of categories.

    Attributes:
        codes: number of the category of each row, int64, shape (N,); -1 where it is missing.
        names: names of the categories 0, 1, ..., in the order of numbers if all are numbers, and
            else of text.
        numeric: whether all names are numbers.
    """

    codes: NDArray[np.int64]
    names: tuple[str, ...]
    numeric: bool


def categories_of(codes: NDArray[Any], values: Sequence[Any]) -> Categories:
    """Categories of a column, equal numbers joined and named alike, so that 1.0 is "1".

    Args:
        codes: position in `values` of the value of each row, shape (N,); -1 where it is missing.
        values: numbers, booleans, text or None; a missing value and empty text are no category.
    """
    names = [_name(value) for value in values]
    present = dict.fromkeys(name for name in names if name is not None)
    numbers = {name: as_number(name) for name in present}
    numeric = bool(present) and None not in numbers.values()
    if numeric:
        keys = {name: str(numbers[name]) for name in present}
        ordered = sorted({str(value): value for value in numbers.values()}.items(), key=_second)
        kinds = [name for name, _ in ordered]
    else:
        keys, kinds = {name: name for name in present}, sorted(present)
    rank = {name: k for k, name in enumerate(kinds)}
    # The last entry is that of the code -1.
    order = [-1 if name is None else rank[keys[name]] for name in names]
    return Categories(np.array([*order, -1], dtype=np.int64)[codes], tuple(kinds), numeric)


def classes_of(where: str, labels: NDArray[Any]) -> Categories:
    """Classes of an array of labels, numbers or text, shape (N,).

    Args:
        where: setting that they come from, for error messages.
        labels: one for each row.

    Raises:
        ValueError: with the first row whose label is missing.
    """
    values, codes = np.unique(labels, return_inverse=True)
    found = categories_of(codes, values.tolist())
    first = int((found.codes < 0).argmax())
    rule, fix = f"a label in row {first}, counted from 0", "fill it, or leave the row out"
    check(not len(labels) or found.codes[first] >= 0, where, rule, "none", fix)
    return found


def nearest(name: str, names: Collection[str]) -> str:
    """Advice that names the nearest of some names, for error messages; empty if none is near."""
    found = difflib.get_close_matches(name, names, n=_NEAREST)
    return f"did you mean {' or '.join(map(repr, found))}?" if found else ""


def number_name(value: Any) -> str:
    """Name of a category that is a number or text: 3 and 3.0 are "3"."""
    number = None if isinstance(value, (bool, np.bool_)) else as_number(str(value).strip())
    return str(value).strip() if number is None else str(number)


def _name(value: Any) -> str | None:
    """Name of a value, without spaces around it; None if it is missing."""
    text = value.decode() if isinstance(value, bytes) else str(value)
    text = text.strip()
    return None if text.lower() in _MISSING else text


def as_number(text: str) -> int | float | None:
    """Finite number that text stands for, an int if it is whole; None if it is no number."""
    try:
        # Python also reads 1_000, which no file means as a number.
        value = math.nan if "_" in text else float(text)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    if not value.is_integer():
        return value
    try:
        return int(text)  # exact above 2^53
    except ValueError:
        return int(value)


def _second(item: tuple[str, Any]) -> Any:
    return item[1]
