"""The ancestral step of denoising diffusion, for one-sided paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.plan import Carry, Stages
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.exponential import ExponentialSolver, check_reversal, reversal


@final
@dataclass(frozen=True, kw_only=True)
class Ancestral(ExponentialSolver):
    """Draws x_s conditioned on x_t and x1, with D = E[x1 | x_t] in place of x1.

    For the path x_t = c_t + alpha_t x0 + beta_t x1, as the Markov chain from data to noise, with
    t < s and h = log(beta_s / alpha_s) - log(beta_t / alpha_t):

        x' = c_s + beta_s D + (alpha_s / alpha_t) exp(-h) (x - c_t - beta_t D)
             + alpha_s sqrt(1 - exp(-2 h)) z

    (J. Ho et al., arXiv 2006.11239, equations 6 and 7.) Exact for data of a single point, at any
    number of steps; otherwise of weak order 1 for the forward SDE with `KLOptimalEpsilon(c=1)`,
    which is the reversal of that chain. Steps may be long for the noise.
    """

    accepts: ClassVar[tuple[str, ...]] = ("additive",)
    explicit: ClassVar[bool] = False
    order: ClassVar[float] = 1
    stages: ClassVar[int] = 1
    channels: ClassVar[int] = 1
    augments: ClassVar[bool] = False

    def check(self, process: Process) -> None:
        """Raise a ValueError unless the process is the reversal of a one-sided path."""
        super().check(process)
        check_reversal("Ancestral", process)

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        return torch.stack(reversal(process, times)[:4], dim=1)

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x,), (offset, decay, gain, noise) = carry, s.numbers
        kept = torch.addcmul(offset, decay, x)
        moved = torch.addcmul(kept, s.drift(0, x), gain)
        return (torch.addcmul(moved, s.z[0], noise),)
