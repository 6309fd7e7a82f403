"""What a posterior knows of the observations."""

from __future__ import annotations

import abc
from typing import NamedTuple

from torch import Tensor, nn


class Encoded(NamedTuple):
    """Features of a batch of series.

    Attributes:
        context: at each observation time, for the control, (B, T, C).
        start: for the law of the state at t=0, (B, E).
        content: what all observations of a series share, for the decoder, (B, W); None if W = 0.
    """

    context: Tensor
    start: Tensor
    content: Tensor | None = None

    def repeated(self, count: int) -> Encoded:
        """Every series so many times in a row."""
        context, start = (part.repeat_interleave(count, dim=0) for part in self[:2])
        content = self.content
        shared = None if content is None else content.repeat_interleave(count, dim=0)
        return Encoded(context=context, start=start, content=shared)


class Encoder(nn.Module, abc.ABC):
    """Observations to features; built as `encoder(frame_shape=..., times=...)`.

    Attributes:
        context_size, start_size, content_size: C, E and W.
    """

    context_size: int
    start_size: int
    content_size: int = 0

    @abc.abstractmethod
    def forward(self, values: Tensor, mask: Tensor) -> Encoded:
        """Encode the first T observation times, all of them or fewer.

        Args:
            values: observations in the networks' units, 0 where there is none, (B, T, *frame).
            mask: whether there is one, bool, (B, T).
        """
