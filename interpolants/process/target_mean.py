"""The mean of the data in the place of a drift."""

from __future__ import annotations

from typing import final

from torch import Tensor

from interpolants.conversions import Combination
from interpolants.process.base import FieldProcess


@final
class TargetMean(FieldProcess):
    """E[x1 | x_t], for schemes that know the rest of the equation from the path."""

    def combination(self, t: Tensor) -> Combination:
        return self.fields.combination("target_mean", t)
