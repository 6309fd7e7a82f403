"""A plain multilayer perceptron on (x, time features)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn

from interpolants.checks import check_count
from interpolants.net.activation import make_activation
from interpolants.net.embedding import TimeEmbedding
from interpolants.net.sizes import check_event_shape
from interpolants.shapes import flatten_event


@final
class MLP(nn.Module):
    """Fully connected layers on the flattened event, with the time features concatenated to it.

    Args:
        event_shape: shape of one sample.
        heads: number of fields predicted at once, each of the event's shape.
        hidden: width of the hidden layers.
        depth: number of hidden layers.
        activation: selu, silu, relu, gelu or tanh.
        time_features: sines and cosines of the time that join t itself; 0 concatenates t alone.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        *,
        event_shape: Sequence[int],
        heads: int,
        hidden: int = 256,
        depth: int = 4,
        activation: str = "silu",
        time_features: int = 32,
    ) -> None:
        super().__init__()
        event_shape = check_event_shape("MLP.event_shape", event_shape)
        check_count("MLP.heads", heads)
        check_count("MLP.hidden", hidden)
        check_count("MLP.depth", depth)
        dim = math.prod(event_shape)
        self._out_shape = (heads, *event_shape)
        self.embedding = TimeEmbedding(features=time_features)
        widths = [dim + self.embedding.out_features, *[hidden] * depth]
        layers: list[nn.Module] = []
        for width_in, width_out in pairwise(widths):
            layers += [
                nn.Linear(width_in, width_out),
                make_activation("MLP.activation", activation),
            ]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden, heads * dim))

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        """Evaluate all heads.

        Args:
            t: 0-d, or shape (B,).
            x: shape (B, *event).

        Returns:
            Shape (B, heads, *event).
        """
        flat = flatten_event(x)
        time = self.embedding(t).to(flat.dtype).expand(flat.shape[0], -1)
        out: Tensor = self.layers(torch.cat((flat, time), dim=1))
        return out.view(x.shape[0], *self._out_shape)
