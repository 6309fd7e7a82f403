"""Log-spaced speeds that cover the time scales of the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from interpolants.driver.speeds import FASTEST, Speeds, log_spaced
from interpolants.utils.checks import check, check_count, check_open_interval, is_number


@final
@dataclass(frozen=True, kw_only=True)
class MatchedSpeeds(Speeds):
    """Log-spaced speeds from slowest / horizon to 2 / step, the range that the data resolve.

    Args:
        count: K >= 2; 5 suffice for a known Hurst index, 10 for a learned one.
        slowest: smallest speed in units of 1 / T, in (0, 2). Above 0.01 a learned Hurst index
            is biased, and long memory needs a smaller value.

    Raises:
        ValueError: if an argument is out of range, or when called if the step is not in
            (0, horizon].
    """

    slowest: float = 1e-4

    def __post_init__(self) -> None:
        check_count("MatchedSpeeds.count", self.count)
        check(self.count > 1, "MatchedSpeeds.count", "at least 2", self.count)
        check_open_interval("MatchedSpeeds.slowest", self.slowest, 0, FASTEST)

    def __call__(self, step: float, horizon: float) -> tuple[float, ...]:
        within = is_number(step) and 0 < step <= horizon
        check(within, "MatchedSpeeds.step", f"a number in (0, {horizon}]", step)
        return log_spaced(self.slowest / horizon, FASTEST / step, self.count)
