"""Multilayer perceptron on the state and time features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn

from interpolants.net.activation import make_activation
from interpolants.net.condition import Condition
from interpolants.net.field_network import FieldNetwork
from interpolants.net.label_embedding import LabelEmbedding
from interpolants.utils.checks import check_count
from interpolants.utils.shapes import flatten_event


@final
class MLP(FieldNetwork):
    """Multilayer perceptron on the flattened state with time features concatenated to it.

    Args:
        event_shape: shape of one sample.
        heads: number of fields predicted, each of the event's shape.
        classes, label_size: kind of the labels, as of `LabelEmbedding`.
        hidden: width of the hidden layers.
        depth: number of hidden layers.
        activation: selu, silu, relu, gelu or tanh.
        time_features: number of sines and cosines of the time, besides t itself.
        two_times, largest_scale: as of `FieldNetwork`.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        *,
        event_shape: Sequence[int],
        heads: int,
        classes: int = 0,
        label_size: int = 0,
        hidden: int = 256,
        depth: int = 4,
        activation: str = "silu",
        time_features: int = 32,
        two_times: bool = False,
        largest_scale: float = 0.0,
    ) -> None:
        super().__init__(
            event_shape=event_shape,
            heads=heads,
            time_features=time_features,
            two_times=two_times,
            largest_scale=largest_scale,
        )
        check_count("MLP.hidden", hidden)
        check_count("MLP.depth", depth)
        dim = math.prod(event_shape)
        known = self.embedding.out_features if classes or label_size else 0
        widths = [dim + self.embedding.out_features + known, *[hidden] * depth]
        layers: list[nn.Module] = []
        for width_in, width_out in pairwise(widths):
            layers += [
                nn.Linear(width_in, width_out),
                make_activation("MLP.activation", activation),
            ]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden, heads * dim))
        self.label = LabelEmbedding(classes=classes, label_size=label_size, features=known)

    def evaluate(self, t: Tensor, x: Tensor, condition: Condition | None) -> Tensor:
        flat = flatten_event(x)
        inputs = [flat, self.embed(t, condition).to(flat.dtype).expand(len(flat), -1)]
        label = self.label(condition)
        if label is not None:
            inputs.append(label.to(flat.dtype).expand(len(flat), -1))
        out: Tensor = self.layers(torch.cat(inputs, dim=1))
        return out
