"""Consistency training and distillation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.fields.fields import Fields
from interpolants.fields.flow_map import map_velocity
from interpolants.fields.jumps import Jumps
from interpolants.objective.map_objective import Jump
from interpolants.objective.map_regression import MapRegression
from interpolants.utils.checks import check, check_open_interval
from interpolants.utils.shapes import expand_time

# States at shorter steps differ by the rounding of float32.
_LEAST = 1e-4


@final
@dataclass(frozen=True, kw_only=True)
class ConsistencyObjective(MapRegression):
    """1/2 |u(s, t, x_s) - (x_r - x_s + (t - r) u(r, t, x_r)) / (t - s)|^2, r = s + step (t - s).

    The second part is a target without gradient: two states of one path have one image under the
    map. Without a teacher x_r is the same path at r (consistency training, arXiv 2303.01469, with
    t = 1 by `EndPairs`), whose minimiser is off by O(step^2), since paths are not trajectories of
    the flow. With a teacher x_r is a step of its flow by Heun's method (distillation).

    Args:
        step: share of the jump, in (1e-4, 1).
    """

    term: ClassVar[str] = "consistency"
    step: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_open_interval("ConsistencyObjective.step", self.step, _LEAST, 1)
        good = self.largest_scale is None or self.teacher is not None
        rule, fix = "null without a teacher, whose flow is guided", "use objective=lagrangian"
        check(good, "ConsistencyObjective.largest_scale", rule, self.largest_scale, fix)

    @property
    def unbiased(self) -> bool:
        return False

    def learns(self, jumps: Jumps) -> bool:
        return jumps.levels is None

    def target(self, fields: Fields, jump: Jump, generator: torch.Generator | None) -> Tensor:
        r = torch.lerp(jump.s, jump.t, self.step)
        moved = jump.later(r) if self.teacher is None else self._followed_to(fields, jump, r)
        first = (moved - jump.x) / jump.gap
        return first + (1 - self.step) * map_velocity(fields, r, jump.t, moved)

    def _followed_to(self, fields: Fields, jump: Jump, r: Tensor) -> Tensor:
        """State at r of the teacher's flow from x_s."""
        h = expand_time(r - jump.s, jump.x)
        first = self.followed(fields, jump.s, jump.x)
        second = self.followed(fields, r, jump.x + h * first)
        return jump.x + 0.5 * h * (first + second)
