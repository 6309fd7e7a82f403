"""Tables in text files of cells, such as .csv and .tsv."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

from interpolants.data.categories import MISSING, Categories
from interpolants.data.compressed import DAMAGED, inner_suffix, opened
from interpolants.data.csv_lines import (
    Line,
    cell_lines,
    find_separator,
    first_lines,
    has_header,
    slow_columns,
)
from interpolants.data.packages import need_arrow
from interpolants.data.table_file import Dialect, Floats, TableFile, arrow_categories
from interpolants.utils.checks import check

CHARACTERS: Mapping[str, str] = MappingProxyType(
    {"tab": "\t", "comma": ",", "semicolon": ";", "space": " ", "pipe": "|", "point": "."}
)
"""Names of characters that shells and Hydra take for their own."""

# Bytes that are parsed at once.
_BLOCK = 2**22


@final
class CsvTable(TableFile):
    """Table in a text file, read by pyarrow.

    Args:
        owner: class of the arguments, for error messages.
        path: an existing file, with one of the suffixes of `COMPRESSED` if it is compressed.
        dialect: how cells are written.

    Raises:
        ValueError: if the file is empty, is no text in UTF-8, or leaves its dialect open.
    """

    def __init__(self, owner: str, path: Path, dialect: Dialect) -> None:
        sep, self._decimal = _characters(owner, dialect)
        if sep is None:
            tabs = inner_suffix(path) == ".tsv"
            sep = "\t" if tabs else find_separator(owner, path, self._decimal)
        self._sep, lines = sep, first_lines(owner, path, sep)
        header = dialect.header
        if header is None:
            header = has_header(owner, lines, self._decimal)
        self._skip, first = lines[0] if header else (0, lines[0][1])
        rule = f"rows below the header of {path}"
        check(len(lines) > header, f"{owner}.path", rule, 0)
        names = first if header else [str(k) for k in range(len(first))]
        super().__init__(owner, path, names, f"line {lines[0][0]} of {path}")

    def read(
        self, numbers: Sequence[str], texts: Sequence[str], fix: str
    ) -> tuple[Mapping[str, Floats], Mapping[str, Categories]]:
        arrow = need_arrow(f"{self.owner}.path")
        try:
            table = self._parsed(numbers, texts)
        except (arrow.ArrowException, *DAMAGED):
            table = self._reread(arrow, numbers, texts, fix)
        values = {name: table[name].to_numpy() for name in numbers}
        return values, {name: arrow_categories(arrow, table[name]) for name in texts}

    def place(self, row: int, name: str) -> str:
        line, _ = next(itertools.islice(self._lines(), row, None))
        return f"line {line}, column {name!r} of {self.path}"

    def _parsed(self, numbers: Sequence[str], texts: Sequence[str]) -> Any:
        """The columns, as a table of pyarrow."""
        import pyarrow as pa
        from pyarrow import csv

        kinds = dict.fromkeys(numbers, pa.float64()) | dict.fromkeys(texts, pa.string())
        with opened(f"{self.owner}.path", self.path) as file:
            return csv.read_csv(
                file,
                read_options=csv.ReadOptions(
                    use_threads=False,
                    column_names=self.names,
                    skip_rows=self._skip,
                    block_size=_BLOCK,
                ),
                parse_options=csv.ParseOptions(delimiter=self._sep, newlines_in_values=True),
                convert_options=csv.ConvertOptions(
                    column_types=kinds,
                    include_columns=list(kinds),
                    null_values=MISSING,
                    strings_can_be_null=True,
                    decimal_point=self._decimal,
                ),
            )

    def _reread(self, arrow: Any, numbers: Sequence[str], texts: Sequence[str], fix: str) -> Any:
        """The columns cell by cell: names what is wrong, or reads what pyarrow does not."""
        values, cells = slow_columns(
            self._lines(),
            self.names,
            numbers,
            texts,
            owner=self.owner,
            path=self.path,
            decimal=self._decimal,
            fix=fix,
        )
        parts = {**values, **cells}
        return arrow.table({name: arrow.chunked_array([part]) for name, part in parts.items()})

    def _lines(self) -> Iterator[Line]:
        """Lines below the header."""
        lines = cell_lines(self.owner, self.path, self._sep)
        return itertools.islice(lines, 1 if self._skip else 0, None)


def _characters(owner: str, dialect: Dialect) -> tuple[str | None, str]:
    """Separator, None if it is to be found, and decimal character."""
    sep, decimal = (
        None if value is None else CHARACTERS.get(value, value)
        for value in (dialect.sep, dialect.decimal)
    )
    fits = sep is None or (len(sep) == 1 and sep not in '"\r\n')
    rule = f"null, one character, or {', '.join(CHARACTERS)}"
    check(fits, f"{owner}.sep", rule, dialect.sep)
    check(decimal in (".", ","), f"{owner}.decimal", "point or comma", dialect.decimal)
    check(sep != decimal, f"{owner}.sep", f"another character than decimal={decimal}", sep)
    assert decimal is not None
    return sep, decimal
