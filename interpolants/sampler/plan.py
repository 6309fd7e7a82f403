"""Plans of solvers: what depends on the times alone, computed once in float64 on the host.

A plan holds tables, by step: the coefficients of the equation at each stage, and the step's own
numbers. A step is a pure function of tensors, which takes their rows as 0-d tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, final

import torch
from torch import Tensor

_Value = TypeVar("_Value")

Carry = tuple[Tensor, ...]
"""The state first, then what a multistep method remembers."""

TimeCoefficients = tuple[Tensor, ...]
"""The coefficients of an equation at one time: K numbers, each 0-d, or (B,) of one per sample."""


class Equation(Protocol):
    """dX = drift dt + diffusion dW, with tabulated coefficients in place of a time."""

    def drift_at(self, c: TimeCoefficients, x: Tensor) -> Tensor:
        """The drift, (B, *event)."""

    def diffusion_at(self, c: TimeCoefficients, x: Tensor) -> Tensor:
        """The coefficient of dW, broadcastable to x."""


@final
class Stages:
    """The argument of a step besides its carry: the equation at each stage, numbers, normals.

    It is valid until the step returns: the loop uses one object for many steps.

    Attributes:
        equation: what is solved.
        coefficients: of the equation, by stage.
        numbers: the step's own: its length, multiples of it, sizes of noise; 0-d, or arrays.
        z: standard normals by channel, each (B, *event); only in a step of a plan with channels.
    """

    __slots__ = ("coefficients", "equation", "numbers", "z")

    z: tuple[Tensor, ...]

    def __init__(
        self,
        equation: Equation,
        coefficients: tuple[TimeCoefficients, ...],
        numbers: tuple[Tensor, ...],
        z: tuple[Tensor, ...] | None = None,
    ) -> None:
        self.equation = equation
        self.coefficients = coefficients
        self.numbers = numbers
        if z is not None:
            self.z = z

    def drift(self, k: int, x: Tensor) -> Tensor:
        """The drift at stage k, (B, *event)."""
        return self.equation.drift_at(self.coefficients[k], x)

    def diffusion(self, k: int, x: Tensor) -> Tensor:
        """The coefficient of dW at stage k, broadcastable to x."""
        return self.equation.diffusion_at(self.coefficients[k], x)

    def with_normals(self, z: tuple[Tensor, ...]) -> Stages:
        """The same stages with these normals by channel, each (B, *event)."""
        return Stages(self.equation, self.coefficients, self.numbers, z)


Step = Callable[[Stages, Carry], Carry]
"""One step of a solver."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Consecutive steps by one function.

    Attributes:
        equation: what is solved.
        coefficients: of the equation at each stage of each step, float64, (N, S, K).
        numbers: each step's own, float64, (N, C), or (N, C, *shape) if arrays.
        step: the function.
    """

    equation: Equation
    coefficients: Tensor
    numbers: Tensor
    step: Step
    _stages: dict[object, list[Stages]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __len__(self) -> int:
        return len(self.coefficients)

    def tables(self, like: Tensor, own: slice) -> tuple[Tensor, Tensor]:
        """Coefficients and numbers of some steps where `like` is."""
        return self.coefficients[own].to(like), self.numbers[own].to(like)

    def stages(self, like: Tensor) -> list[Stages]:
        """The stages of every step where `like` is, made once for each device and dtype."""
        key = like.device, like.dtype
        if key not in self._stages:
            # What is made in inference mode could not take part in a graph later.
            with torch.inference_mode(False):
                self._stages[key] = split(self.equation, *self.tables(like, slice(None)))
        return self._stages[key]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A solver on one grid.

    Attributes:
        segments: the steps; a method whose first steps differ has a segment for them.
        start: makes the first carry from the initial state.
        channels: standard normals that each step needs.
    """

    segments: tuple[Segment, ...]
    start: Callable[[Tensor], Carry]
    channels: int = 0

    @property
    def calls(self) -> int:
        """Evaluations of the drift: one for each stage of each step."""
        return sum(segment.coefficients.shape[:2].numel() for segment in self.segments)


def split(equation: Equation, coefficients: Tensor, numbers: Tensor) -> list[Stages]:
    """The stages of each step from coefficients (n, S, K) and numbers (n, C)."""
    _, count, width = coefficients.shape
    by_stage = _groups(_groups(coefficients.flatten().unbind(), width), count)
    by_step = _groups(numbers.flatten(0, 1).unbind(), numbers.shape[1])
    return [Stages(equation, c, own) for c, own in zip(by_stage, by_step, strict=True)]


def _groups(values: Iterable[_Value], size: int) -> Iterator[tuple[_Value, ...]]:
    """Consecutive groups of `size`."""
    return zip(*[iter(values)] * size, strict=True)
