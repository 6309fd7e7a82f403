"""Implicit score matching, which needs no target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.fields.divergence.base import Divergence
from interpolants.fields.divergence.exact import ExactDivergence
from interpolants.fields.fields import Fields
from interpolants.objective.base import Losses, Objective, check_noise, inside, points
from interpolants.objective.weight.base import Weight
from interpolants.objective.weight.constant import ConstantWeight
from interpolants.utils.shapes import flatten_event, sum_event


@final
@dataclass(frozen=True, kw_only=True)
class ImplicitScoreObjective(Objective):
    """E(1/2 |h|^2 + sum_i (h_i + dh_i / dx_i)), minimised by h = grad log p_t - 1.

    In x = log X, where X_i d/dX_i is d/dx_i, this is the score matching of positive data
    (A. Hyvarinen, Comput. Stat. Data Anal. 51, 2007). By parts it equals `multiplicative_score`
    in expectation, and does not use the noise. Derivatives of the network are trained through.
    |h| is unbounded where the noise vanishes; `weight=noise_level` bounds the loss.

    Args:
        divergence: how to evaluate sum_i dh_i / dx_i: exactly, or by random probes.
        weight: positive weight over time.
    """

    divergence: Divergence = ExactDivergence()
    weight: Weight = ConstantWeight()

    @property
    def predicts(self) -> tuple[str, ...]:
        return ("multiplicative_score",)

    def check(self, fields: Fields) -> None:
        check_noise(type(self).__name__, fields.interpolant, "multiplicative_score")
        fields.check("multiplicative_score")

    def __call__(
        self,
        fields: Fields,
        t: Tensor,
        x0: Tensor,
        x1: Tensor,
        z: Tensor,
        generator: torch.Generator | None = None,
    ) -> Losses:
        t = inside(t)
        _, times, xt = points(fields, t, x0, x1, z)
        state = flatten_event(xt)
        n, dim = state.shape

        def h_of(x: Tensor) -> tuple[Tensor]:
            return (flatten_event(fields.multiplicative_score(times, x.view_as(xt))),)

        probes = self.divergence.draw(n, dim, generator, state)
        (h,), estimates = self.divergence(h_of, state, probes)
        each = sum_event(0.5 * h.square() + h) + estimates.mean(dim=1)
        losses = each.view(-1, len(t)).mean(dim=0)
        weighted = losses if self.weight.is_one else self.weight.apply(t, losses)
        return Losses(weighted[:, None], losses.detach()[:, None], self.predicts)
