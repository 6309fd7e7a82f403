"""Stochastic differential equations driven by a driver, with a control and its cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.driver.base import Driver
from interpolants.neural_sde.guide import Guide, NoiseDistribution
from interpolants.sampler.plan import Carry, TimeCoefficients
from interpolants.sampler.process.base import Process
from interpolants.utils.checks import check

Field = Callable[[Tensor, Tensor], Tensor]
"""Function of (t, x) with t 0-d; the result is broadcastable to x, (B, *event)."""

Control = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
"""Function u(t, x, y, context): t 0-d, x (B, *event), the driver's states y (B, *event, S)."""


@final
class DrivenSDE(Process):
    """dX = b(t, X) dt + sigma(t, X) dB with B from a driver, and sigma diagonal.

    A control u(t, X, Y, context) changes dW into dW + u dt in B and in each of the driver's
    states: without a control this is the prior of arXiv 2310.12975, with one the posterior. The
    control is constant over a step, so that 1/2 sum u^2 h is exactly the relative entropy of the
    paths of W.

    If sigma depends on x the equation is understood in the sense of Stratonovich. d[B] is
    omega_bar^2 dt, and with faster OU processes omega_bar grows without bound for H < 1/2, and
    goes to zero for H > 1/2. The Ito equation would depend on it by a drift of omega_bar^2 sigma
    sigma'/2 dt; the Stratonovich equation depends only on the path of B.

    The state has shape (B, *event, 1 + S), or one more: X, the states of the driver, and the path
    KL up to the time, for each coordinate. Times start at 0 and are unbounded.

    Args:
        driver: the driver, with one B for each coordinate of X.
        drift: b.
        diffusion: sigma.
        additive: whether sigma does not depend on x.
        control: u, broadcastable to x; None for zero.
        guide: conditional distribution of the noise in closed form, to which u is added.
        context: argument of the control; unlike a tensor in a closure, it is known to the modes.
        path_kl: whether the state includes the relative entropy of the noise, 1/2 int u^2 dt plus
            that of a guide.
        pathwise: include instead log dQ/dP of the path, of Q with the control and P without,
            int u dW - 1/2 int u^2 dt with the W of P. Under Q its mean is the path KL, and the
            mean of exp(-log dQ/dP) is 1, for any number of steps.

    Raises:
        ValueError: if there is a context without a control, or `pathwise` without `path_kl`.
    """

    noise_type: ClassVar[str] = "driven"

    def __init__(
        self,
        *,
        driver: Driver,
        drift: Field,
        diffusion: Field,
        additive: bool = False,
        control: Control | None = None,
        guide: Guide | None = None,
        context: Tensor | None = None,
        path_kl: bool = False,
        pathwise: bool = False,
    ) -> None:
        fits = context is None or control is not None
        check(fits, "DrivenSDE.context", "None without a control", type(context).__name__)
        check(path_kl or not pathwise, "DrivenSDE.pathwise", "false without path_kl", pathwise)
        self.driver, self.additive = driver, additive
        self.path_kl, self.pathwise = path_kl, pathwise
        self.guide, self.context = guide, context
        self._drift, self._diffusion, self._control = drift, diffusion, control

    @property
    def span(self) -> tuple[float, float]:
        return 0.0, math.inf

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        return self._drift(t, x)

    def diffusion_at(self, c: TimeCoefficients, x: Tensor) -> Tensor:
        return self._diffusion(c[0], x)

    def constants(self, nodes: Tensor, like: Tensor) -> Carry:
        """Quantities that a solve between nodes computes once for all steps."""
        readout = self.driver.readout().to(like)
        guided: Carry = ()
        if self.guide is not None:
            count = torch.zeros(1, dtype=torch.int64, device=like.device)
            guided = (count, *(part.to(like) for part in self.guide.tables(nodes)))
        return (readout, *guided, *(() if self.context is None else (self.context,)))

    def steer(
        self, c: TimeCoefficients, state: Tensor, z: Tensor, kick: Tensor, constants: Carry
    ) -> tuple[Tensor, Tensor | None, Carry]:
        """Transform standard normals of a step to those of the posterior.

        Args:
            c: coefficients at the start of the step.
            state: the state at the start of the step.
            z: standard normals, (B, *event, M).
            kick: shift of the normals by u = 1 over the step, (M,).
            constants: result of `constants`.

        Returns:
            The normals; their cost, (B, *event), if the state includes it; and the constants for
            the next step.
        """
        distribution, mean = None, None
        if self.guide is not None:
            readout, count, *rest = constants
            tables = rest if self.context is None else rest[:-1]
            now = tuple(part.index_select(0, count).squeeze(0) for part in tables)
            distribution = self.guide.distribution(now, state[..., : 1 + self.driver.states], kick)
            mean = distribution.mean
            constants = (readout, count + 1, *rest)
        if self._control is not None:
            context = None if self.context is None else constants[-1]
            x = self.event(state)
            u = self._control(c[0], x, self.states(state), context).expand_as(x)
            shift = u.unsqueeze(-1) * kick
            mean = shift if mean is None else mean + shift
        if mean is None:
            return z, None, constants
        root = None if distribution is None else distribution.root
        moved = mean + (z if root is None else (root @ z.unsqueeze(-1)).squeeze(-1))
        return moved, self._cost(mean, moved, z, distribution), constants

    def _cost(
        self, mean: Tensor, moved: Tensor, z: Tensor, distribution: NoiseDistribution | None
    ) -> Tensor | None:
        """Relative entropy of N(mean, root root^T) to N(0, 1), or the log ratio at `moved`."""
        if not self.path_kl:
            return None
        square = moved.square() - z.square() if self.pathwise else mean.square()
        cost = 0.5 * square.sum(dim=-1)
        if distribution is None or distribution.spread is None or distribution.volume is None:
            return cost
        return (
            cost - distribution.volume
            if self.pathwise
            else cost + distribution.spread - distribution.volume
        )

    def start(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """State at t=0 for X(0), (B, *event), with drawn states of the driver."""
        states = self.driver.start(tuple(x.shape), generator, dtype=x.dtype)
        return self.join(x, states, torch.zeros_like(x) if self.path_kl else None)

    def join(self, x: Tensor, states: Tensor, kl: Tensor | None) -> Tensor:
        """Join X and the KL, both (B, *event), and the driver's states to one state."""
        parts = [x.unsqueeze(-1)]
        if self.driver.states:
            parts.append(states)
        if kl is not None:
            parts.append(kl.unsqueeze(-1))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)

    def event(self, state: Tensor) -> Tensor:
        """X part, (..., *event), of states (..., *event, 1 + S) or one more."""
        return state[..., 0]

    def states(self, state: Tensor) -> Tensor:
        """Driver's part of a state, (..., *event, S)."""
        return state[..., 1 : 1 + self.driver.states]

    def kl(self, state: Tensor) -> Tensor:
        """Path KL of a state, or with `pathwise` log dQ/dP, (..., *event)."""
        check(self.path_kl, "DrivenSDE.path_kl", "true to include it", self.path_kl)
        return state[..., -1]
