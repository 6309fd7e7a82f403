"""The integrator: the one loop over time steps of the package.

The loop reads no tensor on the host and takes no branch on data, so the same steps run eagerly,
compiled, or in a captured graph, and gradients flow where they are enabled.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, final

from torch import Tensor

from interpolants.sampler.mode.base import Mode
from interpolants.sampler.mode.eager import Eager
from interpolants.sampler.noise.base import Noise
from interpolants.sampler.plan import Carry, Equation, Plan, Stages, Step, split
from interpolants.utils.checks import check

# Drawing ahead saves calls of small states; large ones are better drawn step by step.
_MOST_NORMALS_AHEAD = 2**22


class SaveAt(abc.ABC):
    """Receives the states at the nodes it asks for."""

    @abc.abstractmethod
    def nodes(self, last: int) -> Sequence[int]:
        """Indices of the nodes whose states it must see, out of 0 to `last`."""

    @abc.abstractmethod
    def __call__(self, node: int, x: Tensor) -> None:
        """Receive the state at a node; others than those asked for may come too."""

    def fail(self, reasons: Mapping[int, str]) -> None:  # noqa: B027
        """Receive why samples failed, by number, if the solver keeps the others."""


@final
class SaveTimes(SaveAt):
    """The states at chosen nodes, in order.

    Args:
        times: the plan's nodes, (N + 1,).
        at: the times to keep, each a node of the plan; empty keeps nothing but the end.
    """

    def __init__(self, times: Tensor, at: Tensor) -> None:
        nodes = {t: k for k, t in enumerate(times.tolist())} if len(at) else {}
        self._slots = {nodes[t]: slot for slot, t in enumerate(at.tolist())}
        self.path: Tensor | None = None
        self.failures: dict[int, str] = {}

    def fail(self, reasons: Mapping[int, str]) -> None:
        self.failures |= reasons

    def nodes(self, last: int) -> Sequence[int]:
        return list(self._slots)

    def __call__(self, node: int, x: Tensor) -> None:
        slot = self._slots.get(node)
        if slot is None:
            return
        if self.path is None:
            self.path = x.new_empty(len(self._slots), *x.shape)
        self.path[slot] = x


@final
class SaveReduction(SaveAt):
    """A running reduction over every node: value = reduce(value, node, x), from `initial`.

    Args:
        reduce: takes the value so far, the node's index and its state; makes the next value.
        initial: the first value.
    """

    def __init__(self, reduce: Callable[[Any, int, Tensor], Any], initial: Any) -> None:
        self._reduce = reduce
        self.value = initial

    def nodes(self, last: int) -> Sequence[int]:
        return range(last + 1)

    def __call__(self, node: int, x: Tensor) -> None:
        self.value = self._reduce(self.value, node, x)


@final
class _Lazy:
    """Normals of the steps `begin` to `end`, drawn a few steps ahead of their use."""

    def __init__(self, noise: Noise, begin: int, end: int, channels: int, like: Tensor) -> None:
        self.noise, self.begin, self.end = noise, begin, end
        self.channels, self.like = channels, like

    def draw(self, k: int, count: int) -> Tensor:
        return self.noise.draw(self.begin + k, count, self.channels, self.like)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        room = max(1, _MOST_NORMALS_AHEAD // (self.channels * self.like.numel()))
        k, last = 0, self.end - self.begin
        while k < last:
            count = min(self.noise.ahead, last - k, room)
            yield from _by_step(self.draw(k, count))
            k += count


Normals = _Lazy | Tensor | None
"""The normals of each step of a block, (n, channels, B, *event) if drawn; None for an ODE."""


def _by_step(normals: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The normals of each step by channel: views by one call for many steps."""
    return zip(*(own.unbind() for own in normals.unbind(1)), strict=True)


def advance(
    equation: Equation,
    step: Step,
    tables: tuple[Tensor, Tensor] | list[Stages],
    normals: Normals,
    carry: Carry,
) -> Carry:
    """Take the steps of a block; tables and normals are on the state's device.

    Args:
        equation, step: as in `Segment`.
        tables: coefficients (n, S, K) and numbers (n, C), or the stages with them.
        normals: of each step, (n, channels, B, *event) if drawn; None for an ODE.
        carry: at the first node.

    Returns:
        The carry at the last node.
    """
    stages = tables if isinstance(tables, list) else split(equation, *tables)
    if normals is None:
        for s in stages:
            carry = step(s, carry)
        return carry
    # One object for all steps: a new one for each would cost a small step a twentieth of its time.
    own = Stages(equation, (), ())
    # The normals last in the zip: none is drawn beyond the last step.
    drawn = _by_step(normals) if isinstance(normals, Tensor) else normals
    for s, z in zip(stages, drawn, strict=False):
        own.coefficients, own.numbers, own.z = s.coefficients, s.numbers, z
        carry = step(own, carry)
    return carry


def integrate(
    plan: Plan,
    x: Tensor,
    *,
    noise: Noise | None = None,
    save_at: SaveAt | None = None,
    mode: Mode | None = None,
) -> Tensor:
    """Carry `x` along the plan.

    Args:
        plan: what to do.
        x: the initial state, (B, *event), float32 or float64 for any dtype of the network.
        noise: standard normals, needed if `plan.channels` > 0.
        save_at: sees the states at the nodes it asks for.
        mode: how blocks of steps are run; eagerly if None.

    Returns:
        The final state, (B, *event).
    """
    rule = f"a source of {plan.channels} channels"
    check(noise is not None or not plan.channels, "integrate.noise", rule, noise)
    mode = Eager() if mode is None else mode
    last = sum(len(segment) for segment in plan.segments)
    stops = {last, *(() if save_at is None else save_at.nodes(last))}
    carry, node = plan.start(x), 0
    if save_at is not None:
        save_at(0, x)
    for segment in plan.segments:
        for begin, end in _blocks(node, node + len(segment), stops, mode.block):
            own = slice(begin - node, end - node)
            normals: Normals = None
            if plan.channels and noise is not None:
                normals = _Lazy(noise, begin, end, plan.channels, x)
                normals = normals if mode.block is None else normals.draw(0, end - begin)
            tables = segment.stages(x)[own] if mode.block is None else segment.tables(x, own)
            carry = mode(advance, segment.equation, segment.step, tables, normals, carry)
            if save_at is not None:
                save_at(end, carry[0])
        node += len(segment)
    return carry[0]


def _blocks(
    begin: int, end: int, stops: Collection[int], size: int | None
) -> Iterator[tuple[int, int]]:
    """Consecutive pairs that cover `begin` to `end`, cut at `stops` and after `size` steps."""
    first = begin
    for stop in sorted({end, *(node for node in stops if begin < node < end)}):
        while first < stop:
            node = stop if size is None else min(first + size, stop)
            yield first, node
            first = node
