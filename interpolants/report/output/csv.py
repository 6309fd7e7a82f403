"""Tables as text, one line for each row."""

from __future__ import annotations

from pathlib import Path
from typing import final

from interpolants.report.output.base import Table, TableOutput
from interpolants.utils.files import replace


@final
class CsvOutput(TableOutput):
    """File `<stem>.csv` with names of columns in its first line, as `data=file` reads it.

    Numbers have the fewest digits that distinguish them from others of their precision; a number
    that is not finite is nan, inf or -inf. Text is in double quotes.
    """

    def write_table(self, table: Table, folder: Path, stem: str) -> list[Path]:
        import pyarrow
        from pyarrow import csv

        path, columns = folder / f"{stem}.csv", pyarrow.table(dict(table))
        replace(path, lambda file: csv.write_csv(columns, file))
        return [path]
