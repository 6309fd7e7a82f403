"""Progressive self-distillation: a jump is two shorter ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from torch import Tensor

from interpolants.fields.fields import Fields
from interpolants.fields.flow_map import map_velocity
from interpolants.fields.jumps import Jumps
from interpolants.objective.map_objective import Jump
from interpolants.objective.map_regression import MapRegression
from interpolants.utils.checks import check
from interpolants.utils.shapes import expand_time


@final
@dataclass(frozen=True, kw_only=True)
class SemigroupObjective(MapRegression):
    """1/2 |u(s, t, x) - k u(s, r, x) - (1 - k) u(r, t, X(s, r, x))|^2, r = s + k (t - s).

    The two shorter jumps are a target without gradient (PSD of arXiv 2505.18825). No derivative
    by time is needed: a training step costs about 1.6 of flow matching, and any network will do.
    The smallest gap of `DyadicPairs`, whose halves are not trained, is a step of the midpoint
    method with the map's own velocity; shortcut models (arXiv 2410.12557) take an Euler step.

    Args:
        split: "midpoint" for k = 1/2, or "uniform" for k uniform on [0, 1].
    """

    term: ClassVar[str] = "semigroup"
    split: Literal["midpoint", "uniform"] = "midpoint"

    def __post_init__(self) -> None:
        super().__post_init__()
        known = self.split in ("midpoint", "uniform")
        check(known, "SemigroupObjective.split", "midpoint or uniform", self.split)

    def learns(self, jumps: Jumps) -> bool:
        return not jumps.ends and (jumps.levels is None or self.split == "midpoint")

    def target(self, fields: Fields, jump: Jump, generator: torch.Generator | None) -> Tensor:
        k = torch.full_like(jump.s, 0.5)
        if self.split == "uniform":
            k = torch.rand(k.shape, generator=generator, device=k.device, dtype=k.dtype)
        return two_jumps(fields, jump, k)


def two_jumps(fields: Fields, jump: Jump, k: Tensor) -> Tensor:
    """Mean velocity of a jump to r = s + k (t - s) and another from there, (B, *event)."""
    r, share = jump.s + k * (jump.t - jump.s), expand_time(k, jump.x)
    least, levels = torch.zeros_like(r, dtype=torch.bool), fields.jumps and fields.jumps.levels
    if levels:
        least = (jump.t - jump.s).abs() < 1.5 * 2.0 ** (1 - levels)
    first = map_velocity(fields, jump.s, torch.where(least, jump.s, r), jump.x)
    middle = jump.x + share * jump.gap * first
    second = map_velocity(fields, r, torch.where(least, r, jump.t), middle)
    return torch.where(expand_time(least, second), second, share * first + (1 - share) * second)
