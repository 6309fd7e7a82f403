"""Weighted sum of objectives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from interpolants.objective.base import FieldObjective, Regression
from interpolants.utils.checks import check, check_positive


@final
@dataclass(frozen=True, kw_only=True)
class WeightedSumObjective(Regression):
    """sum_k factors[k] * objectives[k], one head for each field.

    Args:
        objectives: regressions of different fields.
        factors: factor of each objective, > 0.
        antithetic: as of `FieldObjective`, for all of them.
    """

    objectives: Sequence[Regression]
    factors: Sequence[float]
    antithetic: bool = True

    def __post_init__(self) -> None:
        where = "WeightedSumObjective"
        count = len(self.objectives)
        check(count > 0, f"{where}.objectives", "at least one objective", self.objectives)
        regressions = all(isinstance(one, Regression) for one in self.objectives)
        check(regressions, f"{where}.objectives", "objectives with a target", self.objectives)
        factors = list(self.factors)
        check(len(factors) == count, f"{where}.factors", f"{count} numbers", factors)
        for factor in factors:
            check_positive(f"{where}.factors", factor)
        names = self.predicts
        check(
            len(set(names)) == len(names), f"{where}.objectives", "each field at most once", names
        )

    def terms(self) -> Sequence[tuple[float, FieldObjective]]:
        pairs = zip(self.factors, self.objectives, strict=True)
        return tuple(
            (factor * inner, term)
            for factor, objective in pairs
            for inner, term in objective.terms()
        )
