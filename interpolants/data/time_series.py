"""Windows of one long time series in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

import numpy as np
import torch
from torch import Tensor

from interpolants.data.columns import known_columns
from interpolants.data.finite_time_series import FiniteTimeSeries
from interpolants.data.series_end import SeriesEnd, end_of
from interpolants.data.table_file import Dialect
from interpolants.data.table_rows import TABLES, is_table, open_table
from interpolants.data.time_axis import Following, TimeAxis
from interpolants.utils.checks import (
    check,
    check_count,
    check_open_interval,
    check_positive,
    is_whole,
)

_FILES = Path(__file__).parent / "files"
# More grid points for each line of the file mean a mistaken tick, and might not fit in memory.
_MOST_GAPS = 100


@final
class TimeSeries(FiniteTimeSeries):
    """Windows of a table, with one observation per line and one channel per column.

    The last part of the series is held out; no window has observations of both parts. If a number
    is missing (an empty cell, NA, nan or null), the whole observation is. Blank lines are ignored,
    so a file of one column needs NA. Windows without observations are left out.

    Args:
        path: a table as `File` reads it, such as a .csv file, where relative paths start at the
            current folder; or `nile`, `sp500` or `vix`, which are part of the package.
        columns: names of the columns to read, in this order; all but `time` if None. Columns of a
            file without a header are called "0", "1", ....
        sep, header, decimal: how a text file is written, as of `File`.
        time: name of a column of times, numbers or dates such as 2026-01-31 (counted in days).
            Each line is assigned to the nearest grid point, and grid points without a line are
            missing. If None, lines are equally spaced.
        tick: step of that grid, > 0, in units of the column; used only with `time`.
        log: take the logarithm of all numbers, which must be > 0.
        relative: subtract from each window its first observation.
        length: T, grid points in a window, at least 2.
        stride: grid points from the start of a window to that of the next.
        spacing: model time of a step of the grid, > 0; if None, 1 / (length - 1), so that a window
            spans [0, 1].
        standardize: whether to scale each channel to mean 0 and standard deviation 1 over the
            training windows, all times together, for networks.
        held_out_fraction: fraction of the series that is held out, in (0, 1).

    Raises:
        ValueError: if the file cannot be read as such a series, or an argument does not fit it.
    """

    def __init__(
        self,
        *,
        path: str,
        columns: Sequence[str] | None = None,
        sep: str | None = None,
        header: bool | None = None,
        decimal: str = "point",
        time: str | None = None,
        tick: float = 1.0,
        log: bool = False,
        relative: bool = False,
        length: int = 32,
        stride: int = 1,
        spacing: float | None = None,
        standardize: bool = True,
        held_out_fraction: float = 0.2,
    ) -> None:
        spacing = _checked_spacing(length, stride, tick, spacing)
        check_open_interval("TimeSeries.held_out_fraction", held_out_fraction, 0, 1)
        dialect = Dialect(sep, header, decimal)
        values, self.columns, self._axis = _read(path, dialect, columns, time, tick)
        if log:
            # NaN <= 0 is false, so missing numbers pass.
            lowest, good = float(values.nan_to_num(nan=1).min()), not bool((values <= 0).any())
            check(good, "TimeSeries.log", f"false, or numbers > 0 in {path}", lowest)
            values = values.log()
        self._series, self._units = values, {"log": log, "relative": relative}
        parts = [
            _windows(part, length, stride, relative) for part in _parts(values, held_out_fraction)
        ]
        rule = f"at least {length} grid points, one observed, in both training and held-out part"
        fix = f"there are {len(values)} grid points; lower length, or change held_out_fraction"
        check(all(len(part) for part in parts), "TimeSeries.length", rule, length, fix)
        super().__init__(
            torch.cat(parts),
            times=[spacing * k for k in range(length)],
            standardize=standardize,
            is_held_out=torch.arange(sum(map(len, parts))) >= len(parts[0]),
        )

    def end(self, count: int, ahead: int) -> SeriesEnd:
        steps = Following("step", np.arange(1, ahead + 1))
        following = steps if self._axis is None else self._axis.following(ahead)
        return end_of(
            self._series, count, columns=self.columns, following=following, **self._units
        )


def _checked_spacing(length: int, stride: int, tick: float, spacing: float | None) -> float:
    """Model time of a step of the grid, after a check of the numbers of a window."""
    long_enough = is_whole(length) and length >= 2
    check(long_enough, "TimeSeries.length", "a whole number >= 2", length)
    check_count("TimeSeries.stride", stride)
    check_positive("TimeSeries.tick", tick)
    spacing = 1 / (length - 1) if spacing is None else spacing
    check_positive("TimeSeries.spacing", spacing)
    return spacing


def _read(
    path: str, dialect: Dialect, columns: Sequence[str] | None, time: str | None, tick: float
) -> tuple[Tensor, tuple[str, ...], TimeAxis | None]:
    """Read the series on its grid, (grid points, channels), float64, and names of its channels.

    Last its times, if there is a column of them.

    Numbers that are missing are NaN.
    """
    names = ", ".join(sorted(file.stem for file in _FILES.glob("*.csv")))
    own = is_table(Path(path))
    file = Path(path).expanduser() if own else _FILES / f"{path}.csv"
    rule = "an existing file" if own else f"a {', '.join(TABLES)} file or one of {names}"
    fix = f"relative paths start at {Path.cwd()}"
    check(file.is_file(), "TimeSeries.path", rule, path, fix)
    table = open_table("TimeSeries", file, dialect)
    times = known_columns("TimeSeries.time", [] if time is None else [time], table.names)
    if columns is None:
        chosen = table.default_columns(times)
    else:
        chosen = known_columns("TimeSeries.columns", columns, table.names)
    check(len(chosen) > 0, "TimeSeries.columns", "at least one column of numbers", list(chosen))
    fix = "name a text column in `time`, or leave it out with `columns`"
    values, texts = table.read(chosen, times, fix)
    series = torch.from_numpy(np.stack([values[name] for name in chosen], axis=1))
    if time is not None:
        gone = texts[time].codes < 0
        place = table.place(int(gone.argmax()), time)
        check(not gone.any(), "TimeSeries.time", f"a time in {place}", "none")
        axis = TimeAxis.of(time, texts[time], tick)
        return _on_grid(series, axis), tuple(chosen), axis
    return series, tuple(chosen), None


def _on_grid(values: Tensor, axis: TimeAxis) -> Tensor:
    """Assign values to the nearest points of a grid from the first time on, NaN elsewhere."""
    points, tick = axis.points, axis.tick
    size, distinct = int(points.max()) + 1, len(torch.unique(points)) == len(points)
    check(distinct, "TimeSeries.tick", "less than the distance of any two times", tick, "lower it")
    rule = f"a grid of at most {_MOST_GAPS} points for each line of the file"
    check(size <= _MOST_GAPS * len(values), "TimeSeries.tick", rule, tick, "raise it")
    grid = torch.full((size, values.shape[1]), torch.nan, dtype=values.dtype)
    grid[points.long()] = values
    return grid


def _parts(values: Tensor, held_out_fraction: float) -> tuple[Tensor, Tensor]:
    cut = len(values) - round(held_out_fraction * len(values))
    return values[:cut], values[cut:]


def _windows(values: Tensor, length: int, stride: int, relative: bool) -> Tensor:
    """Windows with at least one observation, (N, T, channels)."""
    if len(values) < length:
        return values.new_empty(0, length, values.shape[1])
    windows = values.unfold(0, length, stride).mT
    there = ~windows.isnan().any(dim=2)
    seen = there.any(dim=1)
    windows, there = windows[seen], there[seen]
    if not relative:
        return windows
    first = there.to(torch.uint8).argmax(dim=1)
    return windows - windows[torch.arange(len(windows)), first].unsqueeze(1)
