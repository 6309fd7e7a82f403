"""Tables in files, read by column."""

from __future__ import annotations

import abc
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from interpolants.data.categories import Categories, categories_of
from interpolants.utils.checks import check

Floats = NDArray[np.float64]

# What pandas calls the index of rows if it has no name of its own.
_INDEX = re.compile(r"Unnamed: \d+|__index_level_\d+__")


class Dialect(NamedTuple):
    """Dialect of a table in a text file.

    Attributes:
        sep: character between cells, or its name in `CHARACTERS`; found from the first lines if
            None.
        header: whether the first line has the names of columns; found from the first lines if
            None.
        decimal: character before the decimals of a number, `.` or `,`, or its name.
    """

    sep: str | None = None
    header: bool | None = None
    decimal: str = "point"


class TableFile(abc.ABC):
    """Table in a file, whose columns are read when they are asked for.

    Attributes:
        owner: class of the arguments, for error messages.
        path: the file.
        names: names of the columns, all different.
    """

    def __init__(self, owner: str, path: Path, names: Sequence[str], place: str) -> None:
        self.owner, self.path = owner, path
        self.names = [name or f"Unnamed: {k}" for k, name in enumerate(names)]
        twice = [name for name, count in Counter(self.names).items() if count > 1]
        rule = f"different names of columns in {place}"
        check(
            not twice,
            f"{owner}.path",
            rule,
            "".join(twice[:1]),
            "it stands there twice; rename one",
        )

    @abc.abstractmethod
    def read(
        self, numbers: Sequence[str], texts: Sequence[str], fix: str
    ) -> tuple[Mapping[str, Floats], Mapping[str, Categories]]:
        """Columns of numbers, and columns of categories.

        Args:
            numbers: names of columns of numbers.
            texts: names of columns of categories, which may be numbers or text.
            fix: what to do about a column of text among the numbers.

        Returns:
            The numbers by name, (N,), NaN where one is missing; and the categories by name.

        Raises:
            ValueError: with the place of the first cell that is not a number, or of a line with
                another number of cells.
        """

    @abc.abstractmethod
    def place(self, row: int, name: str) -> str:
        """Place of a cell for error messages, by its row, counted from 0."""

    def default_columns(self, but: Sequence[str]) -> list[str]:
        """Names of all columns but some, and but those without a name, with a warning."""
        left_out = [name for name in self.names if _INDEX.fullmatch(name) and name not in but]
        if left_out:
            text = f"left out {', '.join(map(repr, left_out))}, a column without a name"
            fix = "name it in `columns` to read it"
            warnings.warn(f"{self.owner}.columns: {text}; {fix}", stacklevel=2)
        return [name for name in self.names if name not in {*but, *left_out}]


def arrow_categories(arrow: Any, column: Any) -> Categories:
    """Categories of a column of pyarrow.

    Args:
        arrow: the module pyarrow.
        column: a chunked array of numbers, booleans, text or dates.
    """
    kind = column.type
    if arrow.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if arrow.types.is_temporal(kind):
        column = column.cast(arrow.string())
    found = column.combine_chunks().dictionary_encode()
    codes = found.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return categories_of(codes.astype(np.int64), found.dictionary.to_pylist())
