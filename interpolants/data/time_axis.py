"""Times of the lines of a file, and those that follow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from interpolants.data.categories import Categories
from interpolants.utils.checks import check

# Days by which dates may miss the grid's points and still be on it: less than a second.
_CLOSE = 1e-6
_SECONDS = 86_400
# The zone of a time, which numpy would leave out of what it prints.
_ZONE = re.compile(r":\S*([Zz]|[+-][\d:]+)$")


class Following(NamedTuple):
    """Times after the last line of a file.

    Attributes:
        name: name of their column.
        values: the times, numbers or dates as text.
        note: line that a reader needs; empty if none.
    """

    name: str
    values: NDArray[Any]
    note: str = ""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class TimeAxis:
    """Times of the lines of a file, at the nearest points of a regular grid.

    Attributes:
        name: name of the column.
        values: times of the lines in their order in the file, float64, in days for dates.
        dates: whether they are dates.
        tick: step of the grid, > 0.
    """

    name: str
    values: Tensor
    dates: bool
    tick: float

    @classmethod
    def of(cls, name: str, times: Categories, tick: float) -> TimeAxis:
        """Times in a column of a table, numbers or dates.

        Raises:
            ValueError: if a line has neither.
        """
        values = _as_numbers(times)
        return cls(name=name, values=values, dates=not times.numeric, tick=tick)

    @property
    def points(self) -> Tensor:
        """Number of the grid point of each line, float64; 0 is that of the first time."""
        return ((self.values - self.values.min()) / self.tick).round()

    def following(self, count: int) -> Following:
        """The next times of the grid.

        Dates that are not on the grid, such as first days of months, go on by the calendar if each
        point of the grid has one of them and pandas finds their frequency.

        Args:
            count: their number.
        """
        start, points = self.values.min(), self.points
        on_grid = (self.values - start - points * self.tick).abs().max() <= _CLOSE
        steps = points.max() + torch.arange(1, count + 1)
        values = (start + steps * self.tick).numpy()
        if not self.dates:
            whole = bool((values == values.round()).all())
            return Following(self.name, values.astype(np.int64) if whole else values)
        if on_grid:
            return Following(self.name, _as_dates(values))
        known = self._by_calendar(count) if int(points.max()) + 1 == len(points) else None
        if known is not None:
            return Following(self.name, known)
        why = "pandas finds no frequency of the dates in the file, or is not installed"
        note = f"{why}: forecasts are dated {self.tick:g} days apart"
        return Following(self.name, _as_dates(values), note)

    def _by_calendar(self, count: int) -> NDArray[Any] | None:
        """The next dates at the frequency of those in the file; None if it is not known."""
        try:
            import pandas
        except ImportError:
            return None
        dates = _as_seconds(self.values.sort().values.numpy())
        frequency = pandas.DatetimeIndex(dates, freq="infer").freq
        if frequency is None:
            return None
        found = pandas.date_range(dates[-1], periods=count + 1, freq=frequency)[1:]
        return _as_text(found.to_numpy())


def _as_numbers(times: Categories) -> Tensor:
    """Convert times to numbers, dates in days."""
    where, rule = "TimeSeries.time", "a number in every line, or in every line a date YYYY-MM-DD"
    try:
        if times.numeric:
            values = np.array([float(name) for name in times.names])
        else:
            # numpy reads shorter text as a year.
            short = next((name for name in times.names if len(name) < 10), None)
            check(short is None, where, rule, short)
            zoned = next((name for name in times.names if _ZONE.search(name)), None)
            fix = "write the times of one zone, without it"
            check(zoned is None, where, "dates without a time zone", zoned, fix)
            days = np.array(times.names).astype("datetime64[s]").astype(np.float64)
            values = days / _SECONDS
    except ValueError as error:
        check(str(error).startswith(where), where, rule, str(error))
        raise
    return torch.from_numpy(values[times.codes])


def _as_dates(days: NDArray[np.float64]) -> NDArray[Any]:
    return _as_text(_as_seconds(days))


def _as_seconds(days: NDArray[np.float64]) -> NDArray[Any]:
    """Moments to the second, of times in days."""
    return (days * _SECONDS).round().astype(np.int64).astype("datetime64[s]")


def _as_text(moments: NDArray[Any]) -> NDArray[Any]:
    """Dates as YYYY-MM-DD, and with hours, minutes and seconds if one has some."""
    days = moments.astype("datetime64[D]")
    return (days if (days == moments).all() else moments.astype("datetime64[s]")).astype(str)
