"""The jumps of a flow map."""

from __future__ import annotations

from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.fields.conversions import Combination
from interpolants.fields.fields import Fields
from interpolants.fields.flow_map import map_velocity
from interpolants.sampler.plan import TimeCoefficients
from interpolants.sampler.process.base import DEFAULT_CUT, FieldProcess
from interpolants.utils.checks import check


@final
class FlowMap(FieldProcess):
    """Jumps X(s, t, x) = x + (t - s) u(s, t, x) from node to node of a grid.

    Args:
        fields: the fields of a flow map.
        cut: as of `FieldProcess`.
        backward: whether to jump from t=1 down to t=0, by a map that was trained for it.
    """

    noise_type: ClassVar[str] = "map"

    def __init__(
        self, *, fields: Fields, cut: float = DEFAULT_CUT, backward: bool = False
    ) -> None:
        check(isinstance(backward, bool), "FlowMap.backward", "true or false", backward)
        rule, fix = "a flow map", "train with task=flow_map"
        check(fields.jumps is not None, "FlowMap.fields", rule, "fields of one time", fix)
        rule, fix = "a map that was trained backward too", "train with time_sampler.both=true"
        inverse = fields.jumps is not None and fields.jumps.backward
        check(not backward or inverse, "FlowMap.backward", rule, "not", fix)
        super().__init__(fields=fields, cut=cut)
        self.backward = backward

    def combination(self, t: Tensor) -> Combination:
        return self.fields.combination("velocity", t)

    def jumps(self, times: Tensor) -> Tensor:
        """Both times of each jump, (N, 2)."""
        return torch.stack([times[:-1], times[1:]], dim=1)

    def drift_at(self, c: TimeCoefficients, x: Tensor) -> Tensor:
        """Mean velocity of a jump, (B, *event), from both of its times."""
        s, t = c
        return map_velocity(self.fields, s, t, x)
