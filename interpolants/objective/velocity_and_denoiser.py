"""Velocity and denoiser as two heads of one network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

from interpolants.objective.base import FieldObjective, Regression
from interpolants.objective.denoiser import DenoiserObjective
from interpolants.objective.velocity import VelocityObjective
from interpolants.objective.weight.base import Weight
from interpolants.objective.weight.constant import ConstantWeight
from interpolants.utils.checks import check_positive


@final
@dataclass(frozen=True, kw_only=True)
class VelocityAndDenoiserObjective(Regression):
    """L_velocity + denoiser_factor * L_denoiser, for the ODE and SDEs of a two-sided path.

    This pair was the best of four (arXiv 2303.08797, section 7).

    Args:
        denoiser_factor: factor of the denoiser's loss, > 0.
        weight: positive weight over time of both.
        antithetic: as of `FieldObjective`.
    """

    denoiser_factor: float = 1.0
    weight: Weight = ConstantWeight()
    antithetic: bool = True

    def __post_init__(self) -> None:
        check_positive("VelocityAndDenoiserObjective.denoiser_factor", self.denoiser_factor)

    def terms(self) -> Sequence[tuple[float, FieldObjective]]:
        return self._terms

    @cached_property
    def _terms(self) -> Sequence[tuple[float, FieldObjective]]:
        velocity = VelocityObjective(weight=self.weight)
        denoiser = DenoiserObjective(weight=self.weight)
        return ((1.0, velocity), (self.denoiser_factor, denoiser))
