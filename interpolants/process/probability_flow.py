"""The probability-flow ODE."""

from __future__ import annotations

from typing import final

from torch import Tensor

from interpolants.fields import Combination
from interpolants.process.base import FieldProcess


@final
class ProbabilityFlow(FieldProcess):
    """dX = b(t, X) dt: carries the base to the data, or back (arXiv 2303.08797, section 2.3)."""

    def combination(self, t: Tensor) -> Combination:
        return self.fields.combination("velocity", t)
