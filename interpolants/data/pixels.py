"""Rounding and dequantisation of pixels."""

from __future__ import annotations

import torch
from torch import Tensor

# With noise of 15 bits, and one more for the centre of a cell, 8-bit pixels fit into float32.
_CELLS = 2**15


def to_uint8(x: Tensor) -> Tensor:
    """Round to stored pixels: to the nearest integer, ties to even, clamped to 0 to 255.

    All code that writes or compares stored images uses this rule.

    Args:
        x: finite numbers in raw units, where pixels are from 0 to 255.

    Returns:
        uint8, of the shape of `x`.
    """
    return x.round().clamp(0, 255).to(torch.uint8)


def dequantised(x: Tensor, generator: torch.Generator) -> Tensor:
    """Add uniform noise u in (-1/2, 1/2) to pixels x that are whole numbers.

    The density p of x + u gives a bound on the probability P of the pixels,

        -log2 P(x) <= -E_u log2 p(x + u),

    with equality if p is constant where x is the nearest whole number. The bound divided by the
    number of coordinates is in bits per dimension, with p in raw units: a cell has volume one.

    u is the centre of one of 2^15 equal cells, so that x + u is exact in float32 for |x| < 256,
    and rounds to x.

    Args:
        x: whole numbers in float32.
        generator: on the device of `x`.
    """
    cells = torch.randint(_CELLS, x.shape, generator=generator, device=x.device)
    return x + ((cells + 0.5) / _CELLS - 0.5).to(x)
