"""The probability-flow ODE."""

from __future__ import annotations

from typing import final

from torch import Tensor

from interpolants.fields.conversions import Combination
from interpolants.fields.fields import Fields
from interpolants.sampler.process.base import DEFAULT_CUT, FieldProcess
from interpolants.utils.checks import check


@final
class ProbabilityFlow(FieldProcess):
    """dX = b(t, X) dt: carries the base to the data, or back (arXiv 2303.08797, section 2.3).

    Args:
        fields: the learned fields.
        cut: distance kept from an end where the drift is singular, in (0, 0.5).
        backward: whether to run from t=1 down to t=0, which encodes data: one base sample for
            each data sample, that the forward flow carries back to it.
    """

    def __init__(
        self, *, fields: Fields, cut: float = DEFAULT_CUT, backward: bool = False
    ) -> None:
        known = isinstance(backward, bool)
        check(known, "ProbabilityFlow.backward", "true or false", backward)
        super().__init__(fields=fields, cut=cut)
        self.backward = backward

    def combination(self, t: Tensor) -> Combination:
        return self.fields.combination("velocity", t)
