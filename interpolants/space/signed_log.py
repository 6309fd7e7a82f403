"""Logarithms of data whose coordinates each keep one sign."""

from __future__ import annotations

from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.space.base import Space, check_inside
from interpolants.space.positive_map import PositiveMap
from interpolants.utils.buffers import take_loaded_shapes
from interpolants.utils.checks import check
from interpolants.utils.shapes import flatten_event, sum_event


@final
class SignedLogSpace(Space):
    """Coordinates of fixed signs, as those of synapses under Dale's principle: x = signs exp(y).

    Samples have the signs of the training rows, for any step size.

    Attributes:
        signs: -1 or 1, of the event's shape; empty before `fit`; a buffer.
    """

    multiplicative: ClassVar[bool] = True
    signs: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("signs", torch.empty(0))
        take_loaded_shapes(self)

    def fit(self, rows: Tensor) -> None:
        signs = rows[0].sign()
        bad = flatten_event(~(rows * signs > 0)).any(dim=0)
        count = int(bad.sum())
        example = int(bad.to(torch.uint8).argmax())
        column = flatten_event(rows)[:, example]
        rule = (
            f"coordinates of one sign, never 0 ({count} of {bad.numel()} are not; number {example}"
            ", counted from 0, has the extremes shown)"
        )
        ends = float(column.amin()), float(column.amax())
        fix = "leave these coordinates out of the data, or use space=euclidean"
        check(count == 0, "SignedLogSpace.fit", rule, ends, fix)
        self.signs = signs.detach().clone()

    def check(self, x: Tensor) -> None:
        magnitude = x * self._signs(x)
        rule = "finite values of their coordinate's sign in the training rows"
        fix = "leave such rows out of the data, or use space=euclidean"
        inside = (magnitude > 0) & magnitude.isfinite()
        check_inside("SignedLogSpace.signs", rule, x, inside, fix)

    def to_chart(self, x: Tensor) -> Tensor:
        return (x * self._signs(x)).log()

    def from_chart(self, y: Tensor) -> Tensor:
        low, high = PositiveMap().log_range(y.dtype)
        return self._signs(y) * torch.exp(y.clamp(low, high))

    def log_slope(self, y: Tensor) -> Tensor:
        return sum_event(y)

    def _signs(self, like: Tensor) -> Tensor:
        fix = "call fit with training rows first"
        check(
            self.signs.numel() > 0, "SignedLogSpace.signs", "a fitted space", "one before fit", fix
        )
        return self.signs.to(like)
