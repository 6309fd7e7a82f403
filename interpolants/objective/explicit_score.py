"""Regression on a known multiplicative score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.fields.fields import Fields
from interpolants.interpolant.base import InterpolantSample
from interpolants.objective.base import FieldObjective


@final
@dataclass(frozen=True, kw_only=True)
class ExplicitScoreObjective(FieldObjective):
    """E(1/2 |h|^2 - h* . h), minimised by the h* of a teacher.

    With the exact h* this is the explicit score matching of arXiv 2510.02730, which equals
    `multiplicative_score` in the mean, at less variance.

    Args:
        teacher: fields with a multiplicative score, on the device of the network in training; they
            get no gradient.
        weight: positive weight over time.
    """

    field: ClassVar[str] = "multiplicative_score"
    needs_noise: ClassVar[bool] = True
    teacher: Fields

    def target(self, fields: Fields, sample: InterpolantSample) -> Tensor:
        xt = sample.xt
        copies = xt.numel() // sample.x1.numel()
        t = sample.t.repeat(copies)
        with torch.no_grad():
            h = self.teacher.multiplicative_score(t, xt.reshape(-1, *sample.x1.shape[1:]))
        return h.view_as(xt)
