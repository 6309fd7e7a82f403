"""Residuals of the conditions of a flow map, on held-out data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.data.base import Batch, Data
from interpolants.fields.fields import Fields
from interpolants.fields.flow_map import map_velocity
from interpolants.model.model import Model
from interpolants.model.trainable import TrainableFields
from interpolants.objective.map_objective import (
    Jump,
    MapObjective,
    half_square,
    with_derivative,
)
from interpolants.objective.semigroup import SemigroupObjective
from interpolants.objective.step_loss import whole
from interpolants.objective.time_sampler.uniform_pairs import UniformPairs
from interpolants.utils.eval_mode import eval_mode
from interpolants.utils.seeds import keyed_generator

_RESIDUALS = 59


@final
@dataclass(frozen=True, kw_only=True)
class EulerianResidual(MapObjective):
    """1/2 |u - (t - s) (d_s u + grad u w) - w|^2 with w = u(s, s, x), zero at the map of w."""

    term: ClassVar[str] = "eulerian"
    learned_weight: bool = False

    def jump_loss(self, fields: Fields, jump: Jump, generator: torch.Generator | None) -> Tensor:
        w = self.velocity(fields, jump.s, jump.x)
        u, rate = with_derivative(
            lambda s, x: map_velocity(fields, s, jump.t, x),
            (jump.s, jump.x),
            (torch.ones_like(jump.s), w),
        )
        return half_square(u - jump.gap * rate - w)


@torch.no_grad()
def map_residuals(model: Model, data: Data, n: int, seed: int) -> dict[str, float]:
    """Mean squares of the residuals per coordinate, in units of the networks, by name.

    `semigroup_residual` is the disagreement of a jump with two of half its length, and
    `eulerian_residual` that with the map's own velocity; both are 0 for the map of any velocity,
    so that they say nothing about the data. `velocity_loss` does: it is the loss of the velocity.

    Args:
        model: a flow map.
        data: its data, of which held-out rows are used.
        n: number of pairs of times.
        seed: of times and noise.
    """
    held, device = data.held_out(n, seed), model.device
    batch = Batch._make(None if part is None else part.to(device) for part in held)
    found, size = {}, batch.x1[0].numel()
    for objective in (SemigroupObjective(learned_weight=False), EulerianResidual()):
        trainable = TrainableFields(
            model=model.fields,
            scaling=model.scaling,
            objective=objective,
            time_sampler=UniformPairs(),
            labels=model.labels,
        )
        generator = keyed_generator(_RESIDUALS, seed, device=device)
        with eval_mode(model.fields):
            parts = trainable.step_loss(batch, whole(batch), generator).parts
        velocity, residual = parts.double().mean(dim=0).tolist()
        found[f"{objective.term}_residual"] = 2 * residual / size
        found["velocity_loss"] = velocity
    return found
