"""Cosine and sine of a quarter turn, exact at both ends."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def quarter_turn(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """cos(pi t / 2), sin(pi t / 2) and their time derivatives.

    The cosine is taken as the sine of the complement, so that it is exactly zero at t=1.
    """
    half_pi = math.pi / 2
    cos, sin = torch.sin(half_pi * (1 - t)), torch.sin(half_pi * t)
    return cos, sin, -half_pi * sin, half_pi * cos
