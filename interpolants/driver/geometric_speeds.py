"""Log-spaced speeds around one, for any data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from interpolants.driver.speeds import Speeds, log_spaced
from interpolants.utils.checks import check, check_count, is_number


@final
@dataclass(frozen=True, kw_only=True)
class GeometricSpeeds(Speeds):
    """Log-spaced speeds from 1 / fastest to fastest, as in arXiv 2310.12975; 1 if `count` is 1.

    They depend on neither the spacing nor the length of the data.

    Args:
        count: K.
        fastest: gamma_max > 1; the paths are smooth noise above this frequency.

    Raises:
        ValueError: if an argument is out of range.
    """

    fastest: float = 20.0

    def __post_init__(self) -> None:
        check_count("GeometricSpeeds.count", self.count)
        above = is_number(self.fastest) and self.fastest > 1
        check(above, "GeometricSpeeds.fastest", "a number > 1", self.fastest)

    def __call__(self, step: float, horizon: float) -> tuple[float, ...]:
        if self.count == 1:
            return (1.0,)
        return log_spaced(1 / self.fastest, self.fastest, self.count)
