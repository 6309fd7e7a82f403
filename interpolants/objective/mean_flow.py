"""MeanFlow, and its improved form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from torch import Tensor

from interpolants.fields.fields import Fields
from interpolants.fields.flow_map import guidance_shift, map_velocity
from interpolants.fields.jumps import Jumps
from interpolants.objective.forward_mode import with_derivative
from interpolants.objective.map_objective import Jump, MapObjective, half_square
from interpolants.utils.checks import check


@final
@dataclass(frozen=True, kw_only=True)
class MeanFlowObjective(MapObjective):
    """1/2 |u - (t - s) D u - xdot|^2, D u the derivative of u along (1, w) in (s, x), frozen.

    With `tangent="sample"`, w is the derivative of the sample's path, and all but u is a target:
    MeanFlow (arXiv 2505.13447). With "model", w is the map's own velocity: the improved form of
    arXiv 2512.02012, whose target does not depend on w's noise. The loss is not an error: its
    least value is a variance, and with the sample's tangent a wrong map may have it too.

    Args:
        tangent: "model" or "sample".
    """

    term: ClassVar[str] = "mean_flow"
    tangent: Literal["model", "sample"] = "model"

    def __post_init__(self) -> None:
        super().__post_init__()
        known = self.tangent in ("model", "sample")
        check(known, "MeanFlowObjective.tangent", "model or sample", self.tangent)
        rule, fix = "none", "use objective=lagrangian or semigroup"
        check(self.teacher is None, "MeanFlowObjective.teacher", rule, "a teacher", fix)

    def check(self, fields: Fields) -> None:
        super().check(fields)
        path = fields.interpolant
        ends = path.gamma.value_and_dot(torch.tensor([0.0, 1.0], dtype=torch.float64))[1]
        bounded = path.one_sided or path.gamma.is_zero or bool(ends.isfinite().all())
        check(
            bounded or self.tangent == "model",
            "MeanFlowObjective.tangent",
            "model, where the derivative of a path has no finite variance",
            self.tangent,
            "use objective.tangent=model, objective=lagrangian, or interpolant/gamma=zero",
        )

    @property
    def forward_mode(self) -> bool:
        return True

    def learns(self, jumps: Jumps) -> bool:
        return jumps.levels is None

    def jump_loss(self, fields: Fields, jump: Jump, generator: torch.Generator | None) -> Tensor:
        w = speed = jump.speed + guidance_shift(fields, jump.s, jump.x)
        if self.tangent == "model":
            w = self.velocity(fields, jump.s, jump.x)
        along = (torch.ones_like(jump.s), w)
        u, rate = with_derivative(
            lambda s, x: map_velocity(fields, s, jump.t, x), (jump.s, jump.x), along
        )
        return half_square(u - jump.gap * rate.detach() - speed)
