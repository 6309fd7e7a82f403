"""Euler's method for a driven equation with additive noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.neural_sde.driven_sde import DrivenSDE
from interpolants.neural_sde.solver.base import DrivenSolver
from interpolants.sampler.plan import Stages
from interpolants.sampler.process.base import Process
from interpolants.utils.checks import check


@final
@dataclass(frozen=True, kw_only=True)
class DrivenEuler(DrivenSolver):
    """x + h b + sigma(t_k) (B(t_k + h) - B(t_k)): exact where b is zero and sigma a constant.

    Else of weak and strong order 1 in h, as far as steps are short for the OU processes; before
    that the roughness of B shows, with order H + 1/2 where H < 1/2. A sigma that depends on x is
    refused: the limit would be that of Ito. See `DrivenSDE`.
    """

    order: ClassVar[float] = 1
    strong_order: ClassVar[float] = 1
    stages: ClassVar[int] = 1

    def check(self, process: Process) -> None:
        super().check(process)
        additive = isinstance(process, DrivenSDE) and process.additive
        rule = "a Stratonovich scheme for a diffusion that depends on x (DrivenSDE)"
        check(additive, "Sampler.solver", rule, type(self).__name__, "use DrivenHeun")

    def nodes(self, times: Tensor) -> Tensor:
        return times[:-1, None]

    def move(self, s: Stages, x: Tensor, h: Tensor, increment: Tensor) -> Tensor:
        drifted = torch.addcmul(x, s.drift(0, x), h)
        return torch.addcmul(drifted, s.diffusion(0, x), increment)
