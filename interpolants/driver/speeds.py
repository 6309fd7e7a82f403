"""Speeds (decay rates) of Ornstein-Uhlenbeck processes, ascending."""

from __future__ import annotations

import abc
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from interpolants.utils.checks import check, is_number

# A learned Hurst index needs the slowest speed <= SLOWEST / horizon and the fastest >= FASTEST /
# spacing of the data.
SLOWEST, FASTEST = 0.01, 2.0


@dataclass(frozen=True, kw_only=True)
class Speeds(abc.ABC):
    """Rule for the speeds of OU processes, for data of any spacing and length.

    Args:
        count: K, the number of processes.
    """

    count: int

    @abc.abstractmethod
    def __call__(self, step: float, horizon: float) -> tuple[float, ...]:
        """Return K speeds > 0, ascending.

        Args:
            step: spacing of the data, or of the solver's steps, > 0.
            horizon: T > 0, the length over which the process is needed.

        Raises:
            ValueError: if the rule has no speeds for these.
        """


def check_speeds(where: str, gammas: Sequence[float]) -> tuple[float, ...]:
    """Require distinct speeds above zero, ascending."""
    speeds = tuple(gammas)
    rising = all(is_number(g) for g in speeds) and list(speeds) == sorted({*speeds})
    check(rising and len(speeds) > 0 and speeds[0] > 0, where, "ascending numbers > 0", speeds)
    return speeds


def speeds_of(
    name: str, gammas: Sequence[float] | Speeds, step: float | None, horizon: float
) -> tuple[float, ...]:
    """Speeds from numbers or a rule, checked.

    Args:
        name: class of the driver, for error messages.
        gammas: speeds, or a rule for them, which needs a step.
        step, horizon: as of `Speeds`.
    """
    if not isinstance(gammas, Speeds):
        return check_speeds(f"{name}.gammas", gammas)
    rule = f"the spacing of the data, for {type(gammas).__name__}"
    check(step is not None, f"{name}.step", rule, step)
    assert step is not None
    return gammas(step, horizon)


def warn_of_speeds(gammas: Sequence[float], *, step: float, horizon: float) -> None:
    """Warn if a Hurst index learned with these speeds would be biased.

    At times below 1 / gamma_max a sum of OU processes is as rough as Brownian motion, and above
    1 / gamma_min it has no memory, for any weights. Data with other time scales bias H.

    Args:
        gammas: the speeds.
        step: spacing of the data.
        horizon: T.
    """
    least, most = SLOWEST / horizon, FASTEST / step
    # Speeds set to the limits may be off by rounding.
    if max(gammas) < most * (1 - 1e-9):
        warnings.warn(
            f"the fastest speed is {max(gammas):.3g}, below 2 / step = {most:.3g}: a learned "
            "Hurst index will not be that of the data; use MatchedSpeeds",
            stacklevel=3,
        )
    if min(gammas) > least * (1 + 1e-9):
        warnings.warn(
            f"the slowest speed is {min(gammas):.3g}, above 0.01 / horizon = {least:.3g}: a "
            "learned Hurst index will not be that of the data; use MatchedSpeeds",
            stacklevel=3,
        )


def log_spaced(first: float, last: float, count: int) -> tuple[float, ...]:
    """Geometric sequence from the first to the last number; at least two."""
    rate = math.log(last / first) / (count - 1)
    return tuple(first * math.exp(rate * k) for k in range(count))
