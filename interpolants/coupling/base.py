"""Couplings: joint distributions of (x0, x1)."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from interpolants.utils.checks import check


class Pair(NamedTuple):
    """x0 paired with the samples x1 of a batch.

    Attributes:
        x0: row i is paired with row i of x1, (B, *event).
        image: conditioning channels of the network, (B, K, *spatial), or None.
    """

    x0: Tensor
    image: Tensor | None = None


class Coupling(abc.ABC):
    """Pairing of base samples with data samples, batch by batch.

    Attributes:
        independent: whether x0 and x1 are independent, so that a standard normal base keeps a
            one-sided path's score.
        needs_pairs: whether the data must come with x0.
        data_dependent: whether x0 is computed from the x1 it is paired with (arXiv 2310.03725), so
            that sampling starts from data too.
    """

    independent: ClassVar[bool] = False
    needs_pairs: ClassVar[bool] = False
    data_dependent: ClassVar[bool] = False

    def pair(
        self,
        x0: Tensor,
        x1: Tensor,
        label: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Pair:
        """Pair the samples of a batch, in the units of the networks.

        Args:
            x0, x1: samples of the two ends, (B, *event).
            label: class (B,) or vector (B, C) of each x1, for the network; or None.
            generator: for the coupling's own draws; torch's default if None.

        Raises:
            ValueError: if x0, x1 and the labels are not of one length, or x0 and x1 of one shape.
        """
        name, got = type(self).__name__, (tuple(x0.shape), tuple(x1.shape))
        fits = x0.shape == x1.shape and x0.dim() > 1
        check(fits, f"{name}.x0", "x0 and x1 of one shape (B, *event)", got)
        if label is not None:
            rule = f"a label for each of {len(x1)} samples"
            fits = label.dim() > 0 and len(label) == len(x1)
            check(fits, f"{name}.label", rule, tuple(label.shape))
        return self.paired(x0, x1, label, generator)

    @abc.abstractmethod
    def paired(
        self, x0: Tensor, x1: Tensor, label: Tensor | None, generator: torch.Generator | None
    ) -> Pair:
        """Pair samples whose lengths and shapes agree; arguments as of `pair`."""

    def image_channels(self, event_shape: Sequence[int]) -> int:
        """Number K of conditioning channels beside a state of this shape.

        Raises:
            ValueError: if the coupling does not apply to events of this shape.
        """
        return 0
