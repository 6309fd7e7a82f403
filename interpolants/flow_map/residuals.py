"""Residuals of the conditions of a flow map, on held-out data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.data.base import Batch, Data
from interpolants.fields.fields import Fields
from interpolants.fields.flow_map import map_velocity
from interpolants.fields.jumps import Jumps
from interpolants.model.model import Model
from interpolants.model.trainable import TrainableFields
from interpolants.objective.derivative_probe import probe_derivatives
from interpolants.objective.forward_mode import with_derivative
from interpolants.objective.map_objective import Jump, MapObjective, half_square
from interpolants.objective.semigroup import SemigroupObjective
from interpolants.objective.step_loss import whole
from interpolants.objective.time_sampler.dyadic_pairs import DyadicPairs
from interpolants.objective.time_sampler.end_pairs import EndPairs
from interpolants.objective.time_sampler.pairs import TimePairs
from interpolants.objective.time_sampler.uniform_pairs import UniformPairs
from interpolants.utils.eval_mode import eval_mode
from interpolants.utils.seeds import keyed_generator

_RESIDUALS = 59


@final
@dataclass(frozen=True, kw_only=True)
class EulerianResidual(MapObjective):
    """1/2 |u - (t - s) (d_s u + grad u w) - w|^2 with w = u(s, s, x), zero at the map of w."""

    term: ClassVar[str] = "eulerian"

    @property
    def forward_mode(self) -> bool:
        return True

    def learns(self, jumps: Jumps) -> bool:
        return jumps.levels is None

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
    Residuals that the jumps do not have for which the map was trained, or that need forward
    derivatives which its network does not have, are left out.

    Args:
        model: a flow map.
        data: its data, of which held-out rows are used.
        n: number of pairs of times.
        seed: of times and noise.
    """
    held, device = data.held_out(n, seed), model.device
    batch = Batch._make(None if part is None else part.to(device) for part in held)
    found, size = {}, batch.x1[0].numel()
    jumps = model.fields.jumps or Jumps()
    for objective in (SemigroupObjective(), EulerianResidual()):
        if not objective.learns(jumps) or not _differentiable(model, objective):
            continue
        trainable = TrainableFields(
            model=model.fields,
            scaling=model.scaling,
            objective=objective,
            time_sampler=_pairs(jumps),
            labels=model.labels,
        )
        generator = keyed_generator(_RESIDUALS, seed, device=device)
        with eval_mode(model.fields):
            parts = trainable.step_loss(batch, whole(batch), generator).parts
        velocity, residual = parts.double().mean(dim=0).tolist()
        found[f"{objective.term}_residual"] = 2 * residual / size
        found["velocity_loss"] = velocity
    return found


def _pairs(jumps: Jumps) -> TimePairs:
    """Pairs of times of jumps, forward."""
    if jumps.ends:
        return EndPairs()
    if jumps.levels is None:
        return UniformPairs()
    # The halves of the smallest gap are no jumps of the map.
    return DyadicPairs(levels=max(jumps.levels - 1, 1))


def _differentiable(model: Model, objective: MapObjective) -> bool:
    """True if the network has the derivatives that a residual needs."""
    if not objective.forward_mode:
        return True
    try:
        probe_derivatives(model.fields, model.event_shape, type(objective).__name__)
    except ValueError:
        return False
    return True
