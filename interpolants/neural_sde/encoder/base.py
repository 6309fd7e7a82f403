"""Encoders, from observations to features for the posterior."""

from __future__ import annotations

import abc
from typing import NamedTuple

from torch import Tensor, nn


class Encoded(NamedTuple):
    """Features of a batch of time series.

    Attributes:
        context: features at each observation time, for the control, (B, T, C).
        start: features for the distribution of the state at t=0, (B, E).
        content: features shared by all observations of a series, for the decoder, (B, W); None if
            W = 0.
    """

    context: Tensor
    start: Tensor
    content: Tensor | None = None

    def repeated(self, count: int) -> Encoded:
        """Repeat every series `count` times in a row."""
        context, start = (part.repeat_interleave(count, dim=0) for part in self[:2])
        content = self.content
        shared = None if content is None else content.repeat_interleave(count, dim=0)
        return Encoded(context=context, start=start, content=shared)


class Encoder(nn.Module, abc.ABC):
    """Network from observations to features, built as `encoder(frame_shape=..., times=...)`.

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
            values: observations in the networks' units, 0 if missing, (B, T, *frame).
            mask: True at existing observations, bool, (B, T).
        """
