"""The ancestral step of denoising diffusion, for one-sided paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.sampler.epsilon.kl_optimal import KLOptimalEpsilon
from interpolants.sampler.plan import Carry, Plan, Stages
from interpolants.sampler.process.base import FieldProcess, Process
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.target_mean import TargetMean, spacing
from interpolants.sampler.solver.base import PlannedSolver, one_sided_path
from interpolants.utils.checks import check


@final
@dataclass(frozen=True, kw_only=True)
class Ancestral(PlannedSolver):
    """The law of x_s given x_t and x1, drawn with D = E[x1 | x_t] in the place of x1.

    Of the path x_t = c_t + alpha_t x0 + beta_t x1, as the Markov chain from data to noise, with
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

    def nodes(self, times: Tensor) -> Tensor:
        return times[:-1, None]

    def numbers(self, process: Process, times: Tensor) -> Tensor:
        assert isinstance(process, FieldProcess)
        offset, decay, gain, noise, _ = reversal(process, times)
        return torch.stack([offset, decay, gain, noise], dim=1)

    def plan(self, process: Process, times: Tensor) -> Plan:
        assert isinstance(process, FieldProcess)
        return super().plan(TargetMean(fields=process.fields, cut=process.cut), times)

    def step(self, s: Stages, carry: Carry) -> Carry:
        (x,), (offset, decay, gain, noise) = carry, s.numbers
        kept = torch.addcmul(offset, decay, x)
        moved = torch.addcmul(kept, s.drift(0, x), gain)
        return (torch.addcmul(moved, s.z[0], noise),)


def check_reversal(solver: str, process: Process) -> None:
    """Raise a ValueError unless the process is the reversal of a one-sided path."""
    epsilon = process.epsilon if isinstance(process, ForwardSDE) else None
    fits, name = one_sided_path(process)
    check(
        fits and epsilon == KLOptimalEpsilon(c=1.0),
        "Sampler.solver",
        f"for {solver} the ForwardSDE of a one-sided path with KLOptimalEpsilon(c=1.0)",
        f"a {type(process).__name__} of {name} with {epsilon}",
        "use for example sampler/solver=euler_maruyama",
    )
    assert isinstance(process, FieldProcess)
    process.fields.check("target_mean")


def reversal(process: FieldProcess, times: Tensor) -> tuple[Tensor, ...]:
    """Of x' = offset + decay x + gain D + noise z, and w of `spacing`, (N,) each."""
    c = process.fields.coefficients(times)
    h, w = spacing(c)
    decay = c.alpha[1:] / c.alpha[:-1] * torch.exp(-h)
    shift = c.shift.expand_as(times)
    offset = shift[1:] - decay * shift[:-1]
    # beta' - decay beta, and the variance, without the difference of nearly equal numbers.
    fresh = -torch.expm1(-2 * h)
    return offset, decay, c.beta[1:] * fresh, c.alpha[1:] * fresh.sqrt(), w
