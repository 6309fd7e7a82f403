"""Stacks of fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from interpolants.net.activation import make_activation


def layers(widths: Sequence[int], activation: str) -> nn.Sequential:
    """Linear layers between the widths, with an activation after each but the last."""
    parts: list[nn.Module] = []
    for before, after in pairwise(widths):
        parts += [nn.Linear(before, after), make_activation("layers.activation", activation)]
    return nn.Sequential(*parts[:-1])


def zeroed(net: nn.Sequential) -> nn.Sequential:
    """Set the last layer to zero, so that the initial output is zero."""
    last = net[-1]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return net


def scaled(layer: nn.Linear | nn.Conv2d, factor: float) -> None:
    """Scale the initial weights by a factor and set the bias to zero."""
    with torch.no_grad():
        layer.weight.mul_(factor)
        if layer.bias is not None:
            layer.bias.zero_()
