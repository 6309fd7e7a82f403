"""Controls: the drift that a posterior adds to the noise of its prior."""

from __future__ import annotations

import abc

from torch import Tensor, nn


class Control(nn.Module, abc.ABC):
    """Control u of the noise, which changes dW into dW + u dt.

    Built as `control(latent=D, states=S, horizon=T, context_size=C)`.
    """

    @abc.abstractmethod
    def forward(self, t: Tensor, x: Tensor, y: Tensor, context: Tensor) -> Tensor:
        """Return u, (B, D).

        Args:
            t: 0-d, in [0, T].
            x: (B, D).
            y: states of the driver in units of their standard deviations, (B, D, S).
            context: features of the observations at t, (B, C).
        """
