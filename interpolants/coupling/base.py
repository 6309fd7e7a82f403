"""Who is paired with whom: joint laws of (x0, x1) with the given marginals."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor


class Pair(NamedTuple):
    """The beginnings of paths to given data.

    Attributes:
        x0: row i is paired with row i of x1, (B, *event).
        image: channels that the network is shown beside the state, (B, K, *spatial), or None.
    """

    x0: Tensor
    image: Tensor | None = None


class Coupling(abc.ABC):
    """Pairs base samples with data samples, batch by batch.

    Attributes:
        independent: whether x0 and x1 are independent, so that a standard normal base keeps a
            one-sided path's score.
        needs_pairs: whether the data itself must carry x0.
        data_dependent: whether x0 is made from the x1 it is paired with (arXiv 2310.03725), so
            that sampling starts from what was made of data too.
    """

    independent: ClassVar[bool] = False
    needs_pairs: ClassVar[bool] = False
    data_dependent: ClassVar[bool] = False

    @abc.abstractmethod
    def pair(
        self,
        x0: Tensor,
        x1: Tensor,
        label: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Pair:
        """Pairs of a batch, in the units of the networks.

        Args:
            x0, x1: samples of the two ends, (B, *event).
            label: what the network is told of each x1: its class, (B,), a vector, (B, C), or None.
            generator: of what the coupling itself draws; torch's own if None.
        """

    def image_channels(self, event_shape: Sequence[int]) -> int:
        """K, how many channels a network is shown beside a state of this shape.

        Raises:
            ValueError: if the coupling is not for events of this shape.
        """
        return 0
