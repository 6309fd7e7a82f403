"""DPM-Solver++(2M), an exponential two-step method for one-sided paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.plan import Carry, Stages
from interpolants.sampler.process.base import FieldProcess, Process
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.process.target_mean import spacing
from interpolants.sampler.solver.exponential import (
    ExponentialSolver,
    offset,
    one_sided_path,
    two_step,
)
from interpolants.utils.checks import check


@final
@dataclass(frozen=True, kw_only=True)
class DPMSolver(ExponentialSolver):
    """DPM-Solver++(2M): order 2 with one evaluation per step, exact for a constant E[x1 | x].

    The probability flow of x_t = c_t + alpha x0 + beta x1, in lambda = log(beta / alpha) and
    D = E[x1 | x_t], solved with D extrapolated linearly in lambda over each step:

        x' = c' + (alpha' / alpha) (x - c) + beta' (1 - exp(-h)) ((1 + w) D_k - w D_{k-1}),
        h = lambda' - lambda,    w = h_k / (2 h_{k-1})

    (C. Lu et al., arXiv 2211.01095, algorithm 2.) Where lambda is infinite, at t=0 and at t=1,
    w is 0: a step from pure noise, and a last step onto D itself.
    """

    accepts: ClassVar[tuple[str, ...]] = ("none",)
    order: ClassVar[float] = 2
    stages: ClassVar[int] = 1

    def check(self, process: Process) -> None:
        """Raise a ValueError unless the process is the forward flow of a one-sided path."""
        super().check(process)
        flow = isinstance(process, ProbabilityFlow) and not process.backward
        direction = "backward" if process.backward else "forward"
        fits, name = one_sided_path(process)
        check(
            flow and fits,
            "Sampler.solver",
            "for DPMSolver the forward ProbabilityFlow of a one-sided path",
            f"a {direction} {type(process).__name__} of {name}",
            "use for example sampler/solver=ab2",
        )
        assert isinstance(process, FieldProcess)
        process.fields.check("target_mean")

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        assert isinstance(process, FieldProcess)
        c = process.fields.coefficients(times)
        h, w = spacing(c)
        # alpha' / alpha = (beta' / beta) exp(-h), without the quotient of zeros at t=0.
        gain = -c.beta[1:] * torch.expm1(-h)
        decay = c.alpha[1:] / c.alpha[:-1]
        return torch.stack([offset(c, decay), decay, gain * (1 + w), -gain * w], dim=1)

    def start(self, x: Tensor) -> Carry:
        return x, torch.zeros_like(x)

    def step(self, s: Stages, carry: Carry) -> Carry:
        return two_step(s, carry)
