"""Layout, rounding, mirroring and dequantisation of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from interpolants.data.base import FLIP
from interpolants.utils.checks import check
from interpolants.utils.seeds import keyed_generator

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


def mirrored(x: Tensor, step: int, seed: int, rank: int = 0, world_size: int = 1) -> Tensor:
    """Images of a training batch, a random half of them mirrored from left to right.

    The choice is drawn for the whole batch, so several processes see what one would.

    Args:
        x: images of this rank, (B, C, H, W).
        step, seed, rank, world_size: as of `Data.train_batch`.
    """
    size = len(x)
    u = torch.rand(size * world_size, generator=keyed_generator(FLIP, seed, step))
    flipped = (u < 0.5)[rank * size : (rank + 1) * size].view(-1, 1, 1, 1)
    return torch.where(flipped, x.flip(-1), x)


def channels_first(where: str, x: NDArray[Any], place: str) -> NDArray[Any]:
    """Images with their channels on the second axis, (N, C, H, W).

    The last axis is that of channels if its length is 1 or 3; otherwise the second, if its length
    is; otherwise the first of them whose length is 4.

    Args:
        where: setting that the images come from, for error messages.
        x: shape (N, H, W), (N, H, W, C) or (N, C, H, W).
        place: description of the images, for error messages.

    Raises:
        ValueError: if the shape is another.
    """
    rule = f"shape (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1, 3 or 4 in {place}"
    check(x.ndim in (3, 4) and x.size > 0, where, rule, x.shape)
    axes = [axis for known in ((1, 3), (4,)) for axis in (-1, 1) if x.shape[axis] in known]
    check(x.ndim == 3 or bool(axes), where, rule, x.shape)
    return x[:, None] if x.ndim == 3 else np.moveaxis(x, axes[0], 1)


def byte_scale(where: str, x: NDArray[Any], place: str) -> float:
    """Factor that takes the numbers of images to 0 to 255.

    It is 1 for bytes, other whole numbers, and real numbers above 1 that are all whole; and 255
    for booleans and for real numbers up to 1.

    Raises:
        ValueError: if the numbers are of another kind.
    """
    rule = f"images of numbers in {place}"
    check(x.dtype.kind in "fiub", where, rule, str(x.dtype))
    whole = x.dtype.kind in "iu" or (x.dtype.kind == "f" and x.size > 0 and bool(x.max() > 1))
    return 1.0 if whole else 255.0


def as_bytes(where: str, x: NDArray[Any], scale: float) -> NDArray[np.uint8]:
    """Images as bytes; those of real numbers are rounded as by `to_uint8`.

    Args:
        where: setting that the images come from, for error messages.
        x: images of any real dtype.
        scale: that of `byte_scale`.

    Raises:
        ValueError: if a number is out of range, or not whole where the others are.
    """
    if x.dtype == np.uint8:
        return x
    wide = x.astype(np.float64) * scale
    kind = "whole numbers from 0 to 255" if scale == 1 else "numbers from 0 to 1"
    fits = (wide >= 0) & (wide <= 255)
    if scale == 1:
        fits &= wide == np.round(wide)
    first = float(x.reshape(-1)[int(np.argmin(fits))])
    rule, fix = f"images of bytes, or of {kind}", "rescale the images to bytes"
    check(bool(fits.all()), where, rule, first, fix)
    return np.round(wide).astype(np.uint8)
