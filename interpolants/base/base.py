"""Distributions of x0, in the units of the networks."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import torch
from torch import Tensor

from interpolants.data.columns import Columns
from interpolants.space.scaling import Scaling
from interpolants.utils.checks import check
from interpolants.utils.seeds import keyed_generator

# Keeps the reference samples independent of training.
_REFERENCE = 21


class Base(abc.ABC):
    """Distribution of x0 that paths start from.

    Attributes:
        standard_normal: whether x0 ~ N(0, Id), so that a one-sided path has a score.
        scaling: between the units of the networks and those the user sees.
    """

    standard_normal: ClassVar[bool] = False
    scaling: Scaling

    @abc.abstractmethod
    def sample(self, n: int, event_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """`n` draws of shape (n, *event_shape), on the generator's device, in float32."""

    def fit(self, x1: Tensor, label: Tensor | None, signal: float) -> None:
        """Fit the distribution to data, before training; most need no fit.

        Args:
            x1: training data in the units of the networks, (N, *event).
            label: their classes, (N,), or None.
            signal: beta(0) / alpha(0), the weight of x1 at the start of a one-sided path.
        """
        return

    @property
    def columns(self) -> Columns | None:
        """Columns of the table that x0 are rows of; None for others."""
        return None

    def fingerprint(self) -> dict[str, Any]:
        """Fingerprint of data that x0 is drawn from; empty if it is not drawn from data."""
        return {}

    def start(self, n: int, event_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Initial states for sampling, shaped as by `sample`.

        They are draws of x0, unless the base is fitted to paths that start only near x0.
        """
        return self.sample(n, event_shape, generator)

    def log_prob(self, x0: Tensor) -> Tensor:
        """Log density of `start` at x0, (B, *event), in the units of the networks: (B,).

        Raises:
            ValueError: if the density is not known; subclasses with a density override this.
        """
        name, fix = type(self).__name__, "use base=gaussian"
        check(False, f"{name}.log_prob", "a base with a known density", name, fix)
        raise AssertionError

    def check_density(self) -> None:
        """Raise a ValueError if the density is not known."""
        if type(self).log_prob is Base.log_prob:
            self.log_prob(torch.empty(0))

    def reference_pair(
        self, n: int, event_shape: tuple[int, ...], draw: int = 0
    ) -> tuple[Tensor, Tensor]:
        """Two disjoint samples of `start` of equal size, at most `n` each, not used in training.

        Different numbers `draw` give different samples.
        """
        first, second = (keyed_generator(_REFERENCE, 2 * draw + k) for k in (0, 1))
        return self.start(n, event_shape, first), self.start(n, event_shape, second)
