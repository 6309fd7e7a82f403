"""Normals from one torch generator, in the order of the steps."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from interpolants.noise.base import Noise


@final
class GeneratorNoise(Noise):
    """Draws each step anew.

    Args:
        generator: on the device of the state; None draws from torch's global state.
    """

    def __init__(self, generator: torch.Generator | None = None) -> None:
        self.generator = generator

    def draw(self, step: int, channels: int, like: Tensor) -> Tensor:
        shape = (channels, *like.shape)
        return torch.randn(shape, generator=self.generator, dtype=like.dtype, device=like.device)
