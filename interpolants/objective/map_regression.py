"""Objectives of flow maps whose jumps have targets without gradient."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import torch
from torch import Tensor

from interpolants.fields.fields import Fields
from interpolants.fields.flow_map import joined, map_velocity
from interpolants.objective.map_objective import Diagonal, Jump, MapObjective, half_square


@dataclass(frozen=True, kw_only=True)
class MapRegression(MapObjective):
    """1/2 |u(s, t, x) - target|^2, with one call of the network for velocity and jumps."""

    @abc.abstractmethod
    def target(self, fields: Fields, jump: Jump, generator: torch.Generator | None) -> Tensor:
        """Targets of the mean velocity of jumps, (B, *event); called without gradients."""

    def jump_loss(self, fields: Fields, jump: Jump, generator: torch.Generator | None) -> Tensor:
        target = self._frozen(fields, jump, generator)
        return half_square(map_velocity(fields, jump.s, jump.t, jump.x) - target)

    def losses(
        self,
        own: Fields,
        diagonal: Diagonal,
        apart: Fields,
        jump: Jump,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor]:
        if not (len(diagonal.x) and len(jump.x)):
            return super().losses(own, diagonal, apart, jump, generator)
        target = self._frozen(apart, jump, generator)
        pairs = zip((diagonal.s, diagonal.s, diagonal.x), (jump.s, jump.t, jump.x), strict=True)
        fields = joined(own, len(diagonal.x), apart)
        mean = map_velocity(fields, *(torch.cat(pair) for pair in pairs))
        velocity, jumps = mean.tensor_split([len(diagonal.x)])
        return self.velocity_loss(diagonal, velocity), half_square(jumps - target)

    def _frozen(self, fields: Fields, jump: Jump, generator: torch.Generator | None) -> Tensor:
        with torch.no_grad():
            return self.target(fields, jump, generator)
