"""Tables as JSON, one object for each row."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from interpolants.report.output.base import Table, TableOutput
from interpolants.utils.files import replace


@final
class JsonlOutput(TableOutput):
    """File `<stem>.jsonl` with a JSON object on each line, keyed by the names of columns.

    Numbers are as in a .csv file, but null where they are not finite, which JSON does not have.
    """

    def write_table(self, table: Table, folder: Path, stem: str) -> list[Path]:
        path = folder / f"{stem}.jsonl"
        rows = zip(*map(_plain, table.values()), strict=True)
        lines = (json.dumps(dict(zip(table, row, strict=True)), allow_nan=False) for row in rows)
        text = "".join(f"{line}\n" for line in lines)
        replace(path, lambda file: file.write(text.encode()))
        return [path]


def _plain(column: NDArray[Any]) -> list[Any]:
    """Values of a column as Python has them, of no more digits than their precision has."""
    if column.dtype == np.float32:
        column = column.astype(str).astype(np.float64)
    values: list[Any] = column.tolist()
    if column.dtype.kind != "f":
        return values
    return [value if math.isfinite(value) else None for value in values]
