"""Time series data."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from interpolants.data.base import Data
from interpolants.data.series_end import SeriesEnd
from interpolants.utils.checks import check, is_number


class TimeSeriesData(Data):
    """Data whose samples are time series: the first axis of an event, of length T, is time.

    The observation at one time is a frame: C numbers of a vector series, (1, H, W) of a video.
    `shift` and `scale` are the same at all times.

    Attributes:
        times: T numbers >= 0, ascending. If each series has its own times, these are the times of
            all series, and the masks of batches mark those of each.
    """

    times: tuple[float, ...]

    def end(self, count: int, ahead: int) -> SeriesEnd | None:
        """The last `count` observations, and the `ahead` times after them; None of many series."""
        return None


def check_times(where: str, times: Sequence[float], length: int) -> tuple[float, ...]:
    """Check the times of a series of `length` observations, and return them as Python numbers.

    Raises:
        ValueError: if they are not ascending finite numbers >= 0, or too many or too few.
    """
    rule = f"{length} ascending numbers >= 0"
    check(all(is_number(time) for time in times), where, rule, times)
    ascending = all(a < b for a, b in pairwise(times))
    fits = len(times) == length > 0 and ascending and times[0] >= 0
    check(fits, where, rule, times)
    return tuple(float(time) for time in times)
