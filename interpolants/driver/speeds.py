"""Speeds of the Ornstein-Uhlenbeck processes in a bank, ascending."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

from interpolants.checks import check, check_count, check_positive, is_number

# What a learned Hurst index needs: the slowest at most this over the horizon, the fastest at
# least that over the spacing of the data.
_SLOWEST, _FASTEST = 0.01, 2.0


def geometric_speeds(count: int, *, fastest: float = 20.0) -> tuple[float, ...]:
    """Log-spaced from 1 / fastest to fastest, as in arXiv 2310.12975; 1 if there is one only.

    Args:
        count: K.
        fastest: gamma_max > 1; the paths are smooth noise above this frequency.
    """
    check_count("geometric_speeds.count", count)
    check(is_number(fastest) and fastest > 1, "geometric_speeds.fastest", "a number > 1", fastest)
    return _log_spaced(1 / fastest, fastest, count) if count > 1 else (1.0,)


def matched_speeds(
    count: int, *, step: float, horizon: float, slowest: float = 0.02
) -> tuple[float, ...]:
    """Log-spaced from slowest / horizon to 2 / step: the range that the data resolve.

    Args:
        count: K >= 2; 5 to 7 are enough.
        step: spacing of the data, or of the solver's steps, in (0, horizon].
        horizon: T.
        slowest: smallest speed in units of 1 / T; 0.01 where the Hurst index is learned.
    """
    check_count("matched_speeds.count", count)
    check(count > 1, "matched_speeds.count", "at least 2", count)
    check_positive("matched_speeds.horizon", horizon)
    within = is_number(step) and 0 < step <= horizon
    check(within, "matched_speeds.step", f"a number in (0, {horizon}]", step)
    check(0 < slowest < _FASTEST, "matched_speeds.slowest", f"in (0, {_FASTEST})", slowest)
    return _log_spaced(slowest / horizon, _FASTEST / step, count)


def check_speeds(where: str, gammas: Sequence[float]) -> tuple[float, ...]:
    """Require distinct speeds above zero, ascending."""
    speeds = tuple(gammas)
    rising = all(is_number(g) for g in speeds) and list(speeds) == sorted({*speeds})
    check(rising and len(speeds) > 0 and speeds[0] > 0, where, "ascending numbers > 0", speeds)
    return speeds


def warn_of_speeds(gammas: Sequence[float], *, step: float, horizon: float) -> None:
    """Warn if a Hurst index learned with these speeds would not be that of the data.

    Below the time 1 / gamma_max a bank is rough like Brownian motion, and above 1 / gamma_min it
    forgets, whatever its weights: a fit at other times shows in H.

    Args:
        gammas: the speeds.
        step: spacing of the data.
        horizon: T.
    """
    least, most = _SLOWEST / horizon, _FASTEST / step
    # Speeds that were put at the limits may be off by rounding.
    if max(gammas) < most * (1 - 1e-9):
        warnings.warn(
            f"the fastest speed is {max(gammas):.3g}, below 2 / step = {most:.3g}: a learned "
            "Hurst index will not be that of the data; use matched_speeds",
            stacklevel=2,
        )
    if min(gammas) > least * (1 + 1e-9):
        warnings.warn(
            f"the slowest speed is {min(gammas):.3g}, above 0.01 / horizon = {least:.3g}: a "
            "learned Hurst index will not be that of the data; use matched_speeds(slowest=0.01)",
            stacklevel=2,
        )


def _log_spaced(first: float, last: float, count: int) -> tuple[float, ...]:
    rate = math.log(last / first) / (count - 1)
    return tuple(first * math.exp(rate * k) for k in range(count))
