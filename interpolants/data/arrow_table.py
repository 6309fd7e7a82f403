"""Tables in Parquet and Feather files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, final

from interpolants.data.categories import Categories
from interpolants.data.file_sizes import check_size
from interpolants.data.packages import need_arrow
from interpolants.data.table_file import Floats, TableFile, arrow_categories
from interpolants.utils.checks import check


@final
class ArrowTable(TableFile):
    """Table in a .parquet or .feather file.

    Args:
        owner: class of the arguments, for error messages.
        path: an existing file.

    Raises:
        ValueError: if the file is damaged, or says that it holds far more than its size.
    """

    def __init__(self, owner: str, path: Path) -> None:
        arrow = need_arrow(f"{owner}.path")
        try:
            self._schema = _schema(path)
        # A damaged file may raise anything.
        except Exception as error:
            _refuse(owner, path, error)
        self._arrow = arrow
        super().__init__(owner, path, self._schema.names, str(path))

    def read(
        self, numbers: Sequence[str], texts: Sequence[str], fix: str
    ) -> tuple[Mapping[str, Floats], Mapping[str, Categories]]:
        where = f"{self.owner}.path"
        for name in numbers:
            kind = self._schema.field(name).type
            rule = f"numbers in column {name!r} of {self.path}"
            check(_is_numeric(self._arrow, kind), where, rule, str(kind), fix)
        try:
            table = _read(where, self.path, [*numbers, *texts])
            found = {name: arrow_categories(self._arrow, table[name]) for name in texts}
        except Exception as error:
            _refuse(self.owner, self.path, error)
        return {name: self._floats(name, table[name]) for name in numbers}, found

    def place(self, row: int, name: str) -> str:
        return f"row {row}, counted from 0, column {name!r} of {self.path}"

    def _floats(self, name: str, column: Any) -> Floats:
        """Numbers of a column in float64, NaN where one is missing."""
        arrow = self._arrow
        kind = column.type
        column = column.cast(arrow.int8()) if arrow.types.is_boolean(kind) else column
        try:
            values: Floats = column.cast(arrow.float64()).to_numpy()
        except arrow.ArrowInvalid as error:
            rule = f"numbers that float64 holds in column {name!r} of {self.path}"
            fix = "subtract a constant from it"
            check(False, f"{self.owner}.path", rule, str(error), fix)
            raise
        return values


def _schema(path: Path) -> Any:
    if path.suffix.lower() == ".parquet":
        from pyarrow import parquet

        return parquet.read_schema(path)
    from pyarrow import ipc, memory_map

    with memory_map(str(path)) as file:
        return ipc.open_file(file).schema


def _read(where: str, path: Path, names: Sequence[str]) -> Any:
    """Some columns of a file, as a table of pyarrow."""
    if path.suffix.lower() == ".parquet":
        from pyarrow import parquet

        with parquet.ParquetFile(path) as file:
            check_size(where, path, 8 * file.metadata.num_rows * len(names))
            return file.read(columns=list(names), use_threads=False)
    from pyarrow import ipc, memory_map

    with memory_map(str(path)) as file:
        fields = ipc.open_file(file).schema.names
        options = ipc.IpcReadOptions(included_fields=[fields.index(name) for name in names])
        return ipc.open_file(file, options=options).read_all()


def _is_numeric(arrow: Any, kind: Any) -> bool:
    types = arrow.types
    tests = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean)
    return any(test(kind) for test in tests)


def _refuse(owner: str, path: Path, error: Exception) -> NoReturn:
    if str(error).startswith(f"{owner}."):
        raise error
    fix = "write it again with pandas or pyarrow"
    check(False, f"{owner}.path", f"a table in {path}", str(error), fix)
    raise AssertionError
