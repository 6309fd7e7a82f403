"""The one table of the benchmarks: `name  ours  peer  ratio  goal  ok|MISS`."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from typing import NamedTuple

from benchmarks.timing import ratio

HEADER = f"{'name':<46}{'ours':>10}{'peer':>10}{'ratio':>8}{'goal':>8}"


class Row(NamedTuple):
    """One comparison; less is better.

    Attributes:
        name: what is compared, with its unit.
        ours, peer: the two medians.
        ratio: ours over the peer's, the median of paired ratios where rounds are paired.
        goal: the largest ratio that is good enough; None for the record only.
    """

    name: str
    ours: float
    peer: float
    ratio: float
    goal: float | None

    @property
    def missed(self) -> bool:
        """True if there is a goal that is not reached."""
        return self.goal is not None and not self.ratio <= self.goal


def paired_row(
    name: str, ours: list[float], peer: list[float], unit: float, goal: float | None
) -> Row:
    """A row of times in seconds, round by round, shown in multiples of 1 / `unit` seconds."""
    medians = (unit * statistics.median(side) for side in (ours, peer))
    return Row(name, *medians, ratio(ours, peer), goal)


def print_rows(rows: Iterable[Row]) -> bool:
    """Print rows as they come; returns whether a goal was missed."""
    missed = False
    for row in rows:
        goal = "" if row.goal is None else f"{row.goal:.3g}"
        verdict = "" if row.goal is None else "MISS" if row.missed else "ok"
        numbers = f"{_short(row.ours):>10}{_short(row.peer):>10}{row.ratio:>8.3f}"
        print(f"{row.name:<46}{numbers}{goal:>8}  {verdict}".rstrip(), flush=True)
        missed |= row.missed
    return missed


def _short(value: float) -> str:
    """Four digits."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.{max(0, 3 - math.floor(math.log10(abs(value))))}f}"
