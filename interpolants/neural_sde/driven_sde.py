"""Equations whose noise is a driver's motion, with a control of it and its cost."""

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
"""Of (t, x) with t 0-d: broadcastable to x, (B, *event)."""

Control = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
"""u of (t, x, y, context): t 0-d, x (B, *event), the driver's states y (B, *event, S)."""


@final
class DrivenSDE(Process):
    """dX = b(t, X) dt + sigma(t, X) dB with B from a driver; sigma acts on each coordinate alone.

    A control u(t, X, Y, context) changes dW into dW + u dt in B and so in each of the driver's
    states: without one this is the prior of arXiv 2310.12975, with one the posterior. It is held
    over a step, for which 1/2 sum u^2 h is the relative entropy of the paths of W exactly.

    Where sigma depends on x the equation is meant in the sense of Stratonovich. d[B] is
    omega_bar^2 dt, and a bank with faster processes has another omega_bar: without bound for
    H < 1/2, towards zero for H > 1/2. By Ito, X would change with it by omega_bar^2 sigma sigma'/2
    dt; by Stratonovich it depends on the path of B alone.

    The state has shape (B, *event, 1 + S), or one more: X, the states of the driver, and the path
    KL so far, of each coordinate its own. Times go from 0 as far as one likes.

    Args:
        driver: gives B, one motion for each coordinate of X.
        drift: b.
        diffusion: sigma.
        additive: whether sigma does not depend on x.
        control: u, broadcastable to x; None for zero.
        guide: gives the noise another law in closed form, to which u is added.
        context: handed to the control; the modes know it as a tensor, unlike one in a closure.
        path_kl: whether to carry the relative entropy of the noise, 1/2 int u^2 dt and what a
            guide adds.
        pathwise: carry in its place log dQ/dP of the path, of Q with the control and P without:
            int u dW - 1/2 int u^2 dt with the W of P. Under Q its mean is the path KL, and that
            of exp(-log dQ/dP) is 1, at any number of steps.

    Raises:
        ValueError: if there is a context with no control, or `pathwise` without `path_kl`.
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
        """What a solve between nodes computes once, for every step."""
        readout = self.driver.readout().to(like)
        guided: Carry = ()
        if self.guide is not None:
            count = torch.zeros(1, dtype=torch.int64, device=like.device)
            guided = (count, *(part.to(like) for part in self.guide.tables(nodes)))
        return (readout, *guided, *(() if self.context is None else (self.context,)))

    def steer(
        self, c: TimeCoefficients, state: Tensor, z: Tensor, kick: Tensor, constants: Carry
    ) -> tuple[Tensor, Tensor | None, Carry]:
        """The normals of a step under the posterior.

        Args:
            c: the coefficients at the start of the step.
            state: there.
            z: standard normals, (B, *event, M).
            kick: what u = 1 over the step adds to them, (M,).
            constants: of `constants`.

        Returns:
            The normals; what they cost, (B, *event), if that is carried; and the constants for
            the next step.
        """
        representation, mean = None, None
        if self.guide is not None:
            readout, count, *rest = constants
            tables = rest if self.context is None else rest[:-1]
            now = tuple(part.index_select(0, count).squeeze(0) for part in tables)
            representation = self.guide.representation(
                now, state[..., : 1 + self.driver.states], kick
            )
            mean = representation.mean
            constants = (readout, count + 1, *rest)
        if self._control is not None:
            context = None if self.context is None else constants[-1]
            x = self.event(state)
            u = self._control(c[0], x, self.states(state), context).expand_as(x)
            shift = u.unsqueeze(-1) * kick
            mean = shift if mean is None else mean + shift
        if mean is None:
            return z, None, constants
        root = None if representation is None else representation.root
        moved = mean + (z if root is None else (root @ z.unsqueeze(-1)).squeeze(-1))
        return moved, self._cost(mean, moved, z, representation), constants

    def _cost(
        self, mean: Tensor, moved: Tensor, z: Tensor, representation: NoiseDistribution | None
    ) -> Tensor | None:
        """KL of N(mean, root root^T) from N(0, 1), or its log density ratio at `moved`."""
        if not self.path_kl:
            return None
        square = moved.square() - z.square() if self.pathwise else mean.square()
        cost = 0.5 * square.sum(dim=-1)
        if (
            representation is None
            or representation.spread is None
            or representation.volume is None
        ):
            return cost
        return (
            cost - representation.volume
            if self.pathwise
            else cost + representation.spread - representation.volume
        )

    def start(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """The state at t=0 from X there, (B, *event); the driver's own states are drawn."""
        states = self.driver.start(tuple(x.shape), generator, dtype=x.dtype)
        return self.join(x, states, torch.zeros_like(x) if self.path_kl else None)

    def join(self, x: Tensor, states: Tensor, kl: Tensor | None) -> Tensor:
        """The state of X and the KL, both (B, *event), and the driver's states."""
        parts = [x.unsqueeze(-1)]
        if self.driver.states:
            parts.append(states)
        if kl is not None:
            parts.append(kl.unsqueeze(-1))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)

    def event(self, state: Tensor) -> Tensor:
        """X, (..., *event), of states (..., *event, 1 + S) or one more."""
        return state[..., 0]

    def states(self, state: Tensor) -> Tensor:
        """The driver's states, (..., *event, S)."""
        return state[..., 1 : 1 + self.driver.states]

    def kl(self, state: Tensor) -> Tensor:
        """The path KL so far, or with `pathwise` log dQ/dP, (..., *event), if it is carried."""
        check(self.path_kl, "DrivenSDE.path_kl", "true to carry it", self.path_kl)
        return state[..., -1]
