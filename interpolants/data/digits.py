"""The handwritten digits of scikit-learn."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from interpolants.data.finite import FiniteData
from interpolants.data.pixels import dequantised


@final
class Digits(FiniteData):
    """The 1797 images of digits, 8 x 8 pixels, of scikit-learn; the label is the digit.

    Raw pixels are whole numbers from 0 to 16, scaled to [-1, 1] for networks.

    Args:
        held_out_fraction: fraction of images held out; 500 by default.
        split_seed: another seed makes another choice of these images.

    Raises:
        ValueError: if the fraction is not in (0, 1).
    """

    def __init__(self, *, held_out_fraction: float = 0.2782, split_seed: int = 0) -> None:
        from sklearn.datasets import load_digits

        bunch = load_digits()
        super().__init__(
            torch.as_tensor(bunch.images).unsqueeze(1),
            torch.as_tensor(bunch.target),
            standardize=False,
            held_out_fraction=held_out_fraction,
            split_seed=split_seed,
        )
        self.shift = torch.full(self.event_shape, 8.0)
        self.scale = torch.full(self.event_shape, 8.0)

    def dequantised(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return dequantised(x, generator)
