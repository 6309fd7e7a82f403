"""Common parts of the exponential schemes: exact in all of the equation but the mean of the data.

On a one-sided path x_t = c + alpha x0 + beta x1, with D = E[x1 | x_t], primes at the end of a step
and h the step in lambda = log(beta / alpha), all of them are

    x' = offset + decay x + gain D + noise z,    offset = c' - decay c
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from interpolants.interpolant.base import AffineInterpolant, Coefficients
from interpolants.sampler.epsilon.kl_optimal import KLOptimalEpsilon
from interpolants.sampler.plan import Carry, Plan, Stages
from interpolants.sampler.process.base import FieldProcess, Process
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.target_mean import REACH, TargetMean, log_ratio, spacing
from interpolants.sampler.remembered import Reach
from interpolants.sampler.solver.multistep import MultistepSolver
from interpolants.utils.checks import check


class ExponentialSolver(MultistepSolver):
    """A scheme that asks the network for D once in each step, where it starts."""

    def nodes(self, times: Tensor) -> Tensor:
        return times[:-1, None]

    reach: ClassVar[Reach] = REACH

    def clock(self, process: Process, times: Tensor) -> Tensor:
        assert isinstance(process, FieldProcess)
        return log_ratio(process.fields.coefficients(times))

    def plan(self, process: Process, times: Tensor) -> Plan:
        assert isinstance(process, FieldProcess)
        return super().plan(TargetMean(fields=process.fields, cut=process.cut), times)


def one_sided_path(process: Process) -> tuple[bool, str]:
    """True if a process follows a one-sided affine path, and the name of its path."""
    if not isinstance(process, FieldProcess):
        return False, "no path"
    path = process.fields.interpolant
    return isinstance(path, AffineInterpolant) and path.one_sided, type(path).__name__


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


def reversal(process: Process, times: Tensor) -> tuple[Tensor, ...]:
    """offset, decay, gain and noise of the reversal, and w of `spacing`, (N,) each."""
    assert isinstance(process, FieldProcess)
    c = process.fields.coefficients(times)
    h, w = spacing(c)
    decay = c.alpha[1:] / c.alpha[:-1] * torch.exp(-h)
    # beta' - decay beta, and the variance, without the difference of nearly equal numbers.
    fresh = -torch.expm1(-2 * h)
    return offset(c, decay), decay, c.beta[1:] * fresh, c.alpha[1:] * fresh.sqrt(), w


def offset(c: Coefficients, decay: Tensor) -> Tensor:
    """c' - decay c in each step, (N,)."""
    shift = c.shift.expand_as(c.alpha)
    return shift[1:] - decay * shift[:-1]


def two_step(s: Stages, carry: Carry) -> Carry:
    """x' without noise, with D extrapolated: the first numbers are offset, decay and two gains."""
    (x, previous), (constant, decay, present, past, *_) = carry, s.numbers
    current = s.drift(0, x)
    moved = torch.addcmul(torch.addcmul(constant, decay, x), current, present)
    return torch.addcmul(moved, previous, past), current
