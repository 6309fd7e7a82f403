"""The loop: the only place in the package that steps through time.

A solver splits its work in two. A *plan* holds everything that depends on the schedule alone, in
float64 tables computed once on the host. A *step* is a pure function of tensors. The loop reads
no tensor on the host and takes no branch on data, so the same steps run eagerly, compiled, or in
a captured graph, and gradients flow where they are enabled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from interpolants.noise.base import Noise

Carry = tuple[Tensor, ...]
"""The state first, then what a multistep method remembers."""

Drift = Callable[[Tensor, Tensor], Tensor]
"""The drift given a row of the plan, shape (K,), and the state."""

Step = Callable[[Drift, tuple[Tensor, ...], tuple[Tensor, ...], Carry, Tensor | None], Carry]
"""One step: drift, the rows of its stages, its coefficients, the carry, and normals or None."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A solver on one grid.

    Attributes:
        times: nodes, float64, (N + 1,).
        rows: what the drift needs at each stage of each step, float64, (N, S, K).
        coefficients: the step's own numbers, float64, (N, C).
        drift: the right-hand side.
        step: the kernel.
        start: makes the first carry from the initial state.
        channels: standard normals that each step needs.
    """

    times: Tensor
    rows: Tensor
    coefficients: Tensor
    drift: Drift
    step: Step
    start: Callable[[Tensor], Carry]
    channels: int = 0


class Keep:
    """What to keep of a path: the states at given nodes, in order.

    Args:
        times: the plan's nodes, (N + 1,).
        at: the times to keep, each a node of the plan; empty keeps nothing but the end.
    """

    def __init__(self, times: Tensor, at: Tensor) -> None:
        nodes = {float(t): k for k, t in enumerate(times)}
        self._slots = {nodes[float(t)]: slot for slot, t in enumerate(at)}
        self.path: Tensor | None = None

    def nodes(self, last: int) -> list[int]:
        """Indices of the first node, of those to keep, and of the last, in order."""
        return sorted({0, last, *self._slots})

    def __call__(self, node: int, x: Tensor) -> None:
        """Store the state at a node, if it is one to keep."""
        slot = self._slots.get(node)
        if slot is None:
            return
        if self.path is None:
            self.path = x.new_empty(len(self._slots), *x.shape)
        self.path[slot] = x


def integrate(
    plan: Plan, x: Tensor, *, noise: Noise | None = None, keep: Keep | None = None
) -> Tensor:
    """Carry `x` along the plan.

    Args:
        plan: what to do.
        x: the initial state, (B, *event), float32 or float64 whatever the network's dtype.
        noise: standard normals, needed if `plan.channels` > 0.
        keep: called with each node's index and state.

    Returns:
        The final state, (B, *event).
    """
    rows = [stages.unbind() for stages in plan.rows.to(x).unbind()]
    coefficients = [numbers.unbind() for numbers in plan.coefficients.to(x).unbind()]
    carry = plan.start(x)
    if keep is not None:
        keep(0, x)
    for k in range(len(rows)):
        z = noise.draw(k, plan.channels, x) if plan.channels and noise is not None else None
        carry = plan.step(plan.drift, rows[k], coefficients[k], carry, z)
        if keep is not None:
            keep(k + 1, carry[0])
    return carry[0]
