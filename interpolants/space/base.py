"""Spaces of data and their charts.

Data live in a space, an open set of R^D such as the positive numbers. A chart maps it one to one
onto all of R^D, where networks see the data and states are integrated: there paths, fields and
processes are those of Euclidean data.
"""

from __future__ import annotations

import abc
import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from interpolants.utils.checks import check


class Space(nn.Module, abc.ABC):
    """Set that data live in, with its chart.

    Attributes:
        euclidean: whether the space is R^D and the chart the identity.
        multiplicative: whether the chart is a logarithm, so that a step of the state is a factor.
    """

    euclidean: ClassVar[bool] = False
    multiplicative: ClassVar[bool] = False

    @property
    def settings(self) -> tuple[object, ...]:
        """Settings that spaces of one class may differ in, besides their fits."""
        return ()

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and greatest number that a coordinate may have."""
        return -math.inf, math.inf

    def same_as(self, other: Space) -> bool:
        """True if the other space is of the same class, with equal settings and fit."""
        if type(self) is not type(other) or self.settings != other.settings:
            return False
        fits = zip(self.buffers(), other.buffers(), strict=True)
        return all(torch.equal(mine, theirs) for mine, theirs in fits)

    def fit(self, rows: Tensor) -> None:
        """Fit the space to training rows, (N, *event); most spaces need no fit.

        The fit is kept in buffers, which take their shapes from a state dict that is loaded.

        Raises:
            ValueError: if no space of this kind holds the rows.
        """
        return

    @abc.abstractmethod
    def check(self, x: Tensor) -> None:
        """Require data, (B, *event), inside the space.

        Raises:
            ValueError: with the number of values outside, and the setting to change.
        """

    @abc.abstractmethod
    def to_chart(self, x: Tensor) -> Tensor:
        """Map data to the chart, keeping the shape."""

    @abc.abstractmethod
    def from_chart(self, y: Tensor) -> Tensor:
        """Map the chart, (..., *event), to data.

        The result is inside the space for any y; values too large for its precision are clamped.
        """

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
        ValueError: with the number of values outside, and the smallest and the largest of all.
    """
    count = int((~inside).sum())
    if count:
        rule = f"{rule} ({count} of {x.numel()} are not; the smallest and the largest are shown)"
        check(False, where, rule, (float(x.amin()), float(x.amax())), fix)
