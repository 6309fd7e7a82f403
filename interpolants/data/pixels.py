"""Whole numbers and real ones: how images are rounded, and made continuous."""

from __future__ import annotations

import torch
from torch import Tensor

# Noise of this many bits and one more fits beside the 8 of a pixel in float32.
_CELLS = 2**15


def to_uint8(x: Tensor) -> Tensor:
    """Pixels as they are stored: the nearest whole number, the even one of two, within 0 to 255.

    It is the one rule for whoever writes or compares stored images.

    Args:
        x: finite numbers in raw units, where pixels are from 0 to 255.

    Returns:
        uint8, of the shape of `x`.
    """
    return x.round().clamp(0, 255).to(torch.uint8)


def dequantised(x: Tensor, generator: torch.Generator) -> Tensor:
    """x + u with u uniform in (-1/2, 1/2), of pixels that are whole numbers.

    The density p of x + u gives a bound on the probability P of the pixels,

        -log2 P(x) <= -E_u log2 p(x + u),

    with equality if p is constant where x is the nearest whole number. The bound divided by the
    number of coordinates is in bits per dimension, with p in raw units: a cell has volume one.

    u is in the middle of one of 2^15 equal parts, so that x + u is exact in float32 for
    |x| < 256, and rounding it gives x back.

    Args:
        x: whole numbers in float32.
        generator: on the device of `x`.
    """
    cells = torch.randint(_CELLS, x.shape, generator=generator, device=x.device)
    return x + ((cells + 0.5) / _CELLS - 0.5).to(x)
