"""From the state of a latent process to observations."""

from __future__ import annotations

import abc
from typing import ClassVar

from torch import Tensor, nn


class Decoder(nn.Module, abc.ABC):
    """Observations are Gaussian around a mean: o = f(X, content) + deviation noise.

    Built as `decoder(frame_shape=..., latent=D, content_size=W)`.

    Attributes:
        linear: whether the mean is X itself, so that a control in closed form is known.
    """

    linear: ClassVar[bool] = False

    @abc.abstractmethod
    def forward(self, x: Tensor, content: Tensor | None) -> Tensor:
        """Means of observations in the networks' units.

        Args:
            x: states, (N, D).
            content: what all observations of a series share, (N, W), or None.

        Returns:
            Shape (N, *frame).
        """

    @abc.abstractmethod
    def std(self) -> Tensor:
        """Standard deviation of the observations around the mean, > 0, 0-d."""
