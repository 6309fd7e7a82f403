"""CSV logger that appends over restarts."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any, TextIO, final

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from interpolants.utils.files import replace

MACHINE = "machine/"
"""Begins the names of values that differ between equal runs."""

_STEP = "step"
_FLUSH_SECONDS = 1.0


@final
class AppendingCSVLogger(Logger):
    """Logger that appends rows to `<run_dir>/metrics.csv`.

    Columns are `step`, then metrics in order of first appearance. Floats are written so that they
    read back exactly; a missing metric is an empty cell. A new metric rewrites the file atomically
    with one more column. An incomplete last line, of a killed process, is dropped. Values of the
    machine, such as its speed, are left out, so that equal runs have equal files.

    Args:
        run_dir: the run's folder, created with the first row.
    """

    def __init__(self, run_dir: str | Path) -> None:
        super().__init__()
        self.path = Path(run_dir) / "metrics.csv"
        self._file: TextIO | None = None
        self._columns: list[str] = [_STEP]
        self._flushed = 0.0
        self._resumed: tuple[int, set[frozenset[str]]] = (-1, set())

    @property
    def name(self) -> str:
        """Empty, for no subfolder: the run's folder is the experiment."""
        return ""

    @property
    def version(self) -> str:
        """Empty, for no subfolder: the run's folder is the experiment."""
        return ""

    @property
    def save_dir(self) -> str:
        """The run's folder."""
        return str(self.path.parent)

    @property
    def log_dir(self) -> str:
        """The run's folder."""
        return str(self.path.parent)

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Ignore the configuration, which has its own file."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Append one row.

        Args:
            metrics: numbers, or tensors with one element, by name.
            step: optimiser steps taken.

        Raises:
            ValueError: if `step` is missing.
        """
        if step is None:
            raise ValueError("AppendingCSVLogger.step: expected the number of steps, got None")
        cells = {
            name: _cell(value)
            for name, value in metrics.items()
            if name != _STEP and not name.startswith(MACHINE)
        }
        if metrics and not cells:
            return
        if step == self._resumed[0] and frozenset(cells) in self._resumed[1]:
            self._drop(step, frozenset(cells))
        file = self._open()
        if any(name not in self._columns for name in cells):
            file = self._add_columns([name for name in cells if name not in self._columns])
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([step, *(cells.get(name, "") for name in self._columns[1:])])
        if time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self.save()

    @rank_zero_only
    def truncate_after(self, step: int) -> None:
        """Drop the rows of later steps, which a run resumed at `step` writes again.

        A row of `step` itself, such as that of a repeated validation, is replaced by the first new
        row with the same metrics.
        """
        self._close()
        if not self.path.exists():
            return
        columns, rows = _read(self.path)
        rows = [row for row in rows if int(row[0]) <= step]
        _rewrite(self.path, columns, rows)
        last = {_metrics(columns, row) for row in rows if int(row[0]) == step}
        self._resumed = (step, last)

    @rank_zero_only
    def save(self) -> None:
        """Flush the rows to the operating system; a file that was deleted is written again."""
        if self._file is not None:
            self._file.flush()
            self._flushed = time.monotonic()
            if not _is_at(self._file, self.path):
                self._file.seek(0)
                text = self._file.read()
                self._close()
                replace(self.path, lambda file: file.write(text.encode()), sync=True)
                self._open()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Close the file; a later row opens it again."""
        self._close()

    def _open(self) -> TextIO:
        if self._file is None:
            if self.path.exists():
                self._columns, rows = _read(self.path)
                _rewrite(self.path, self._columns, rows)
            else:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                _rewrite(self.path, self._columns, [])
            self._file = open(self.path, "a+", newline="", encoding="utf-8")
            self._flushed = time.monotonic()
        return self._file

    def _add_columns(self, names: list[str]) -> TextIO:
        self.save()
        self._close()
        columns, rows = _read(self.path)
        _rewrite(self.path, [*columns, *names], [row + [""] * len(names) for row in rows])
        return self._open()

    def _drop(self, step: int, metrics: frozenset[str]) -> None:
        self.save()
        self._close()
        columns, rows = _read(self.path)
        rows = [r for r in rows if int(r[0]) != step or _metrics(columns, r) != metrics]
        _rewrite(self.path, columns, rows)
        self._resumed[1].remove(metrics)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _is_at(file: TextIO, path: Path) -> bool:
    """True if an open file is the one at a path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _cell(value: Any) -> str:
    if isinstance(value, Tensor):
        value = value.item()
    return repr(float(value)) if isinstance(value, float) else str(value)


def _metrics(columns: list[str], row: list[str]) -> frozenset[str]:
    """Names of the metrics in a row."""
    return frozenset(name for name, cell in zip(columns[1:], row[1:], strict=True) if cell)


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    """Columns and complete rows of the file.

    Raises:
        ValueError: if it is not a table of metrics by step.
    """
    fix = "move it away, and a new one begins"
    try:
        with open(path, newline="", encoding="utf-8") as file:
            text = file.read()
        columns, *rows = list(csv.reader(StringIO(text[: text.rfind("\n") + 1]))) or [[_STEP]]
        if columns[:1] != [_STEP]:
            raise ValueError(f"columns {columns[:5]}")
        for number, row in enumerate(rows, 2):
            if len(row) != len(columns) or not row[0].isdecimal():
                raise ValueError(f"{','.join(row)[:40]!r} in line {number}")
    except (ValueError, csv.Error) as error:
        rule = "expected a file of metrics by step"
        raise ValueError(f"{path}: {rule}, got {error}; {fix}") from error
    return columns, rows


def _rewrite(path: Path, columns: list[str], rows: list[list[str]]) -> None:
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    replace(path, lambda file: file.write(text.getvalue().encode()), sync=True)
