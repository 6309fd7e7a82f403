"""Lagrangian self-distillation, and distillation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.fields.fields import Fields
from interpolants.fields.flow_map import map_velocity
from interpolants.objective.forward_mode import with_derivative
from interpolants.objective.map_objective import Jump, MapObjective, half_square


@final
@dataclass(frozen=True, kw_only=True)
class LagrangianObjective(MapObjective):
    """1/2 |u + (t - s) d_t u - b(t, X)|^2, b the velocity of the map, or of a teacher.

    Of the map itself b is a target without gradient, neither by weights nor by X (LSD of arXiv
    2505.18825). The velocity of a teacher has frozen weights and is followed through X (LMD of
    arXiv 2406.07507). A training step costs about 3 of flow matching.
    """

    term: ClassVar[str] = "lagrangian"

    @property
    def forward_mode(self) -> bool:
        return True

    def jump_loss(self, fields: Fields, jump: Jump, generator: torch.Generator | None) -> Tensor:
        u, rate = with_derivative(
            lambda t: map_velocity(fields, jump.s, t, jump.x),
            (jump.t,),
            (torch.ones_like(jump.t),),
        )
        end = jump.x + jump.gap * u
        followed = self.velocity if self.teacher is None else self.followed
        target = followed(fields, jump.t, end)
        return half_square(u + jump.gap * rate - target)
