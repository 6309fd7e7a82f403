"""The loop: the only place in the package that steps through time.

A solver splits its work in two. A *plan* holds everything that depends on the schedule alone, in
float64 tables computed once on the host. A *step* is a pure function of tensors. The loop reads
no tensor on the host and takes no branch on data, so the same steps run eagerly, compiled, or in
a captured graph, and gradients flow where they are enabled.
"""

from __future__ import annotations

import abc
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, final

import torch
from torch import Tensor

from interpolants.sampler.mode.base import Mode
from interpolants.sampler.mode.eager import Eager
from interpolants.sampler.noise.base import Noise

# Drawing ahead saves calls of small states; large ones are better drawn step by step.
_MOST_NORMALS_AHEAD = 2**22

Carry = tuple[Tensor, ...]
"""The state first, then what a multistep method remembers."""

Row = tuple[Tensor, ...]
"""What an equation needs to know of one time: K numbers, each 0-d, or (B,) of one per sample."""


class Equation(Protocol):
    """dX = drift dt + diffusion dW, given a row of the plan in place of a time."""

    def drift_at(self, row: Row, x: Tensor) -> Tensor:
        """The drift, (B, *event)."""

    def diffusion_at(self, row: Row, x: Tensor) -> Tensor:
        """The coefficient of dW, broadcastable to x."""


Scalars = list[tuple[tuple[Row, ...], tuple[Tensor, ...]]]
"""Of every step, the rows of its stages and its coefficients, each a tensor of its own."""

Step = Callable[[Any, tuple[Row, ...], tuple[Tensor, ...], Carry, Any], Carry]
"""One step: equation, the rows of its stages, its coefficients, the carry, normals or None."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Consecutive steps of one kernel.

    Attributes:
        rows: what the equation needs at each stage of each step, float64, (N, S, K).
        coefficients: the step's own numbers, float64, (N, C), or (N, C, *shape) if arrays.
        step: the kernel.
    """

    rows: Tensor
    coefficients: Tensor
    step: Step
    _scalars: dict[object, Scalars] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def tables(self, like: Tensor, own: slice) -> tuple[Tensor, Tensor]:
        """Rows and coefficients of some steps where `like` is."""
        return self.rows[own].to(like), self.coefficients[own].to(like)

    def scalars(self, like: Tensor) -> Scalars:
        """The tables in scalars where `like` is, made once for each device and dtype."""
        key = like.device, like.dtype
        if key not in self._scalars:
            # What is made in inference mode could not take part in a graph later.
            with torch.inference_mode(False):
                self._scalars[key] = _split(self.tables(like, slice(None)))
        return self._scalars[key]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A solver on one grid.

    Attributes:
        equation: what is solved.
        segments: the steps; a method that needs a start of its own has a leg for it.
        start: makes the first carry from the initial state.
        channels: standard normals that each step needs.
    """

    equation: Equation
    segments: tuple[Segment, ...]
    start: Callable[[Tensor], Carry]
    channels: int = 0

    @property
    def calls(self) -> int:
        """How often the equation is evaluated: once for each row."""
        return sum(segment.rows.shape[0] * segment.rows.shape[1] for segment in self.segments)


class SaveAt(abc.ABC):
    """Looks at states as they pass."""

    @abc.abstractmethod
    def nodes(self, last: int) -> Sequence[int]:
        """Indices of the nodes whose states it must see, out of 0 to `last`."""

    @abc.abstractmethod
    def __call__(self, node: int, x: Tensor) -> None:
        """Take in the state at a node; those it did not ask for may come too."""


@final
class SaveTimes(SaveAt):
    """The states at given nodes, in order.

    Args:
        times: the plan's nodes, (N + 1,).
        at: the times to keep, each a node of the plan; empty keeps nothing but the end.
    """

    def __init__(self, times: Tensor, at: Tensor) -> None:
        nodes = {float(t): k for k, t in enumerate(times)}
        self._slots = {nodes[float(t)]: slot for slot, t in enumerate(at)}
        self.path: Tensor | None = None

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

    def __iter__(self) -> Iterator[Tensor]:
        room = max(1, _MOST_NORMALS_AHEAD // (self.channels * self.like.numel()))
        k, last = 0, self.end - self.begin
        while k < last:
            count = min(self.noise.ahead, last - k, room)
            yield from self.draw(k, count).unbind()
            k += count


_Value = TypeVar("_Value")

Normals = _Lazy | Tensor | None
"""By step of a block, each (channels, B, *event); None for an ODE."""


def advance(
    equation: Equation,
    step: Step,
    tables: tuple[Tensor, Tensor] | Scalars,
    normals: Normals,
    carry: Carry,
) -> Carry:
    """Take the steps of a block; tables and normals are on the state's device.

    Args:
        equation, step: as in `Plan` and `Leg`.
        tables: rows (n, S, K) and coefficients (n, C), or their scalars.
        normals: by step, each (channels, B, *event); None for an ODE.
        carry: at the first node.

    Returns:
        The carry at the last node.
    """
    numbers = tables if isinstance(tables, list) else _split(tables)
    drawn: Iterable[Tensor | None] = itertools.repeat(None) if normals is None else normals
    # The normals last in the zip: none is drawn beyond the last step.
    for (own_rows, own_numbers), z in zip(numbers, drawn, strict=False):
        carry = step(equation, own_rows, own_numbers, carry, z)
    return carry


def _split(tables: tuple[Tensor, Tensor]) -> Scalars:
    """The numbers of rows (n, S, K) and coefficients (n, C) by step."""
    rows, coefficients = tables
    _, stages, width = rows.shape
    row = _groups(_groups(rows.flatten().unbind(), width), stages)
    own = _groups(coefficients.flatten(0, 1).unbind(), coefficients.shape[1])
    return list(zip(row, own, strict=True))


def _groups(values: Iterable[_Value], size: int) -> Iterator[tuple[_Value, ...]]:
    """Consecutive groups of `size`."""
    return zip(*[iter(values)] * size, strict=True)


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
        x: the initial state, (B, *event), float32 or float64 whatever the network's dtype.
        noise: standard normals, needed if `plan.channels` > 0.
        save_at: sees the states at the nodes it asks for.
        mode: how blocks of steps are run; eagerly if None.

    Returns:
        The final state, (B, *event).
    """
    mode = Eager() if mode is None else mode
    last = sum(len(segment.rows) for segment in plan.segments)
    stops = {last, *(() if save_at is None else save_at.nodes(last))}
    carry, node = plan.start(x), 0
    if save_at is not None:
        save_at(0, x)
    for segment in plan.segments:
        for begin, end in _blocks(node, node + len(segment.rows), stops, mode.block):
            own = slice(begin - node, end - node)
            normals: Normals = None
            if plan.channels and noise is not None:
                normals = _Lazy(noise, begin, end, plan.channels, x)
                normals = normals if mode.block is None else normals.draw(0, end - begin)
            tables = segment.scalars(x)[own] if mode.block is None else segment.tables(x, own)
            carry = mode(advance, plan.equation, segment.step, tables, normals, carry)
            if save_at is not None:
                save_at(end, carry[0])
        node += len(segment.rows)
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
