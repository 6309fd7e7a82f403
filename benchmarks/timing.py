"""Interleaved measurements, so that all run on the same machine state."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

Work = Callable[[], object]


def seconds(work: Work) -> float:
    """CPU time of one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def in_turns(
    works: dict[str, Work], rounds: int, seconds: Callable[[Work], float] = seconds
) -> dict[str, list[float]]:
    """Seconds of every work in every round.

    Each round begins with the next work, so that none comes more often after itself, or first.
    """
    names = list(works)
    for work in works.values():
        work()
    found: dict[str, list[float]] = {name: [] for name in names}
    for k in range(rounds):
        first = k % len(names)
        for name in names[first:] + names[:first]:
            found[name].append(seconds(works[name]))
    return found


def ratio(ours: list[float], peer: list[float]) -> float:
    """The median over rounds of ours over the peer's."""
    return statistics.median(a / b for a, b in zip(ours, peer, strict=True))
