"""Decoders, from states of a latent process to observations."""

from __future__ import annotations

import abc
from typing import ClassVar

from torch import Tensor, nn


class Decoder(nn.Module, abc.ABC):
    """Gaussian observations o = f(X, content) + std noise.

    Built as `decoder(frame_shape=..., latent=D, content_size=W)`.

    Attributes:
        linear: whether the mean is X itself, so that there is a guide in closed form.
    """

    linear: ClassVar[bool] = False

    @abc.abstractmethod
    def forward(self, x: Tensor, content: Tensor | None) -> Tensor:
        """Decode states to means of observations, in the networks' units.

        Args:
            x: states, (N, D).
            content: features shared by all observations of a series, (N, W), or None.

        Returns:
            Shape (N, *frame).
        """

    @abc.abstractmethod
    def std(self) -> Tensor:
        """Standard deviation of the observations around the mean, > 0, 0-d."""
