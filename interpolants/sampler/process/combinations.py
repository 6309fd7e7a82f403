"""Several fields from one call of the network, with tabulated coefficients."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor

from interpolants.fields.conversions import Combination, weighted_sum
from interpolants.fields.fields import Fields
from interpolants.sampler.plan import TimeCoefficients


@final
class Combinations:
    """Combinations of x and of what a network predicts.

    Args:
        fields: the learned fields.
        build: makes each combination at times t of any shape.
    """

    def __init__(self, fields: Fields, build: Sequence[Callable[[Tensor], Combination]]) -> None:
        self.fields = fields
        self._build = tuple(build)
        # Which predictions enter is a matter of names; only their coefficients vary in time.
        middle = [make(torch.tensor(0.375, dtype=torch.float64)) for make in self._build]
        self._varying = [[k for k, v in c.items() if isinstance(v, Tensor)] for c in middle]
        # Coefficients in a call are those of the table, then the numbers.
        columns, numbers = itertools.count(1), itertools.count(self.width)
        constant = [{k: v for k, v in c.items() if not isinstance(v, Tensor)} for c in middle]
        self._numbers = tuple(v for c in constant for v in c.values())
        place = {name: k for k, name in enumerate(("x", "one", *fields.predicts))}
        self._terms = [
            [(next(numbers), place[k]) for k in own] + [(next(columns), place[k]) for k in names]
            for own, names in zip(constant, self._varying, strict=True)
        ]
        # Where the first is a prediction as it is.
        name, *others = middle[0]
        as_it_is = not others and name in fields.predicts and middle[0][name] == 1
        self._head = fields.predicts.index(name) if as_it_is else None

    @property
    def width(self) -> int:
        """K, how many coefficients there are, with t itself."""
        return 1 + sum(map(len, self._varying))

    def coefficients(self, t: Tensor) -> Tensor:
        """t and the coefficients of all combinations there, (*t.shape, K)."""
        columns = [t]
        for make, names in zip(self._build, self._varying, strict=True):
            combination = make(t)
            columns += [torch.as_tensor(combination[name]).expand_as(t) for name in names]
        return torch.stack(columns, dim=-1)

    def __call__(self, c: TimeCoefficients, x: Tensor) -> list[Tensor]:
        """Each combination, (B, *event), with the coefficients at one time."""
        values = (x, None, *self.fields.heads(c[0], x).unbind(1))
        coefficients: tuple[Tensor | float, ...] = (*c, *self._numbers)
        return [weighted_sum(terms, coefficients, values, x) for terms in self._terms]

    def first(self, c: TimeCoefficients, x: Tensor) -> Tensor:
        """The first combination alone, (B, *event)."""
        heads = self.fields.heads(c[0], x)
        if self._head is not None:
            return heads.select(1, self._head)
        values = (x, None, *heads.unbind(1))
        return weighted_sum(self._terms[0], (*c, *self._numbers), values, x)
