"""The chart in which networks see the data and states are integrated.

Data live in a space, an open set of R^D such as the positive numbers; a chart maps it one to one
onto all of R^D, where paths, fields and processes are those of Euclidean data.
"""

from __future__ import annotations

import abc
from typing import ClassVar

import torch
from torch import Tensor, nn

from interpolants.utils.checks import check


class Space(nn.Module, abc.ABC):
    """Where data live, and its chart.

    Attributes:
        euclidean: whether the space is R^D and the chart the identity, so that nothing is to do.
        multiplicative: whether the chart is a logarithm, so that a step of the state is a factor.
    """

    euclidean: ClassVar[bool] = False
    multiplicative: ClassVar[bool] = False

    @property
    def settings(self) -> tuple[object, ...]:
        """The numbers that spaces of one kind may differ in, beside what they were fitted to."""
        return ()

    def same_as(self, other: Space) -> bool:
        """Whether another space is of this kind, with the same settings and the same fit."""
        if type(self) is not type(other) or self.settings != other.settings:
            return False
        fits = zip(self.buffers(), other.buffers(), strict=True)
        return all(torch.equal(mine, theirs) for mine, theirs in fits)

    def fit(self, rows: Tensor) -> None:
        """Take what the space needs from training rows, (N, *event); most spaces need nothing.

        What it takes is kept in buffers, which take their shapes from a state that is loaded.

        Raises:
            ValueError: if no space of this kind holds the rows.
        """
        return

    @abc.abstractmethod
    def check(self, x: Tensor) -> None:
        """Require data, (B, *event), inside the space.

        Raises:
            ValueError: saying how many values of how many are not, and which setting to change.
        """

    @abc.abstractmethod
    def to_chart(self, x: Tensor) -> Tensor:
        """From data to the chart, of the same shape."""

    @abc.abstractmethod
    def from_chart(self, y: Tensor) -> Tensor:
        """From the chart, (..., *event), to data: inside the space in the precision of y,
        whatever y is. Values beyond what that precision holds are clamped."""

    @abc.abstractmethod
    def log_slope(self, y: Tensor) -> Tensor:
        """log |det d from_chart / dy| at y, (B, *event), as if nothing were clamped: (B,)."""


def check_inside(where: str, rule: str, x: Tensor, inside: Tensor, fix: str) -> None:
    """Require values inside a space.

    Args:
        where: `Class.argument`, the setting that data do not suit.
        rule: what every value should be.
        x: the values.
        inside: which of them are.
        fix: what to change.

    Raises:
        ValueError: saying how many values are outside, and the smallest and the largest of all.
    """
    count = int((~inside).sum())
    if count:
        rule = f"{rule} ({count} of {x.numel()} are not; the smallest and the largest are shown)"
        check(False, where, rule, (float(x.amin()), float(x.amax())), fix)
