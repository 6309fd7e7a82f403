"""Guidance: predictions extrapolated away from those of a poorer network.

All guided fields are linear in the predictions with coefficients that do not depend on the
condition, so guiding the predictions guides velocity, score and denoiser alike.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from interpolants.data.labels import Labels
from interpolants.net.condition import Condition
from interpolants.utils.checks import check, check_not_negative


@dataclass(frozen=True, kw_only=True)
class Guidance(abc.ABC):
    """Predictions f_poor + w (f - f_poor) for t in an interval, and f at other times.

    Args:
        scale: w >= 0. At 1 f is unchanged, above 1 samples are more typical of their condition
            and less varied, and 0 is f_poor. In papers that write (1 + s) f - s f_poor,
            s = w - 1.
        interval: first and last guided time in [0, 1] (see arXiv 2404.07724 for the reason). Both
            networks are called at other times too.

    Raises:
        ValueError: if the scale is negative, or the interval is empty or leaves [0, 1].
    """

    scale: float
    interval: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        name = type(self).__name__
        check_not_negative(f"{name}.scale", self.scale)
        numbers = tuple(self.interval)
        fits = len(numbers) == 2 and 0 <= numbers[0] < numbers[1] <= 1
        check(fits, f"{name}.interval", "two increasing times in [0, 1]", self.interval)

    def check(self, labels: Labels | None) -> None:
        """Raise a ValueError if a model with these labels, or none, cannot be guided."""
        return

    def check_network(self, net: nn.Module) -> None:
        """Raise a ValueError if the network cannot be guided."""
        return

    def networks(self, net: nn.Module) -> Sequence[nn.Module]:
        """Networks that an evaluation calls, once for each call."""
        return [net, net]

    @abc.abstractmethod
    def poorer(self, net: nn.Module, t: Tensor, x: Tensor, condition: Condition) -> Tensor:
        """Predictions of the poorer network, (B, heads, *event), by one call.

        Args:
            net: the network that is guided.
            t: 0-d or (B,).
            x: (B, *event).
            condition: condition of the samples.
        """

    def __call__(self, net: nn.Module, t: Tensor, x: Tensor, condition: Condition) -> Tensor:
        """Guided predictions, (B, heads, *event); arguments as in `poorer`."""
        predicted: Tensor = net(t, x, condition)
        poor = self.poorer(net, t, x, condition)
        first, last = self.interval
        if (first, last) == (0.0, 1.0):
            return torch.lerp(poor, predicted, self.scale)
        inside = (t >= first) & (t <= last)
        scale = predicted.new_full((), self.scale)
        weight = torch.where(inside, scale, predicted.new_ones(()))
        return torch.lerp(poor, predicted, weight.reshape(-1, *(1,) * (predicted.dim() - 1)))
