"""Residual multilayer perceptron, for vector data that need a deeper network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

from torch import Tensor, nn

from interpolants.net.activation import make_activation
from interpolants.net.condition import Condition
from interpolants.net.field_network import FieldNetwork
from interpolants.net.label_embedding import LabelEmbedding
from interpolants.net.layers import scaled
from interpolants.utils.checks import check_count
from interpolants.utils.shapes import flatten_event


@final
class ResidualMLP(FieldNetwork):
    """Pre-norm residual blocks h + Linear(act(Linear(LayerNorm(h)) + time)).

    The time enters every block through its own projection; all projections are one matrix, and
    a 0-d time is embedded once for the whole batch.

    Args:
        event_shape: shape of one sample.
        heads: number of fields predicted, each of the event's shape.
        classes, label_size: kind of the labels, as of `LabelEmbedding`.
        hidden: width of the blocks.
        blocks: number of blocks.
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
        blocks: int = 3,
        activation: str = "silu",
        time_features: int = 64,
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
        check_count("ResidualMLP.hidden", hidden)
        check_count("ResidualMLP.blocks", blocks)
        dim = math.prod(event_shape)
        self.activation = make_activation("ResidualMLP.activation", activation)
        self.time_in = nn.Linear(self.embedding.out_features, hidden)
        self.time_out = nn.Linear(hidden, blocks * hidden)
        self.input = nn.Linear(dim, hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(blocks))
        self.expand = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(blocks))
        self.contract = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(blocks))
        self.output_norm = nn.LayerNorm(hidden)
        self.output = nn.Linear(hidden, heads * dim)
        # Initial fields are near zero; exact zeros would stop the first gradients.
        scaled(self.output, 0.1)
        # Built last, so that a network without labels has the same initial weights.
        self.label = LabelEmbedding(classes=classes, label_size=label_size, features=hidden)

    def evaluate(self, t: Tensor, x: Tensor, condition: Condition | None) -> Tensor:
        h = self.input(flatten_event(x))
        time, label = self.time_in(self.embed(t, condition).to(x.dtype)), self.label(condition)
        features = self.activation(time if label is None else time + label)
        shifts = self.time_out(features).chunk(len(self.norms), dim=1)
        for norm, expand, contract, shift in zip(
            self.norms, self.expand, self.contract, shifts, strict=True
        ):
            h = h + contract(self.activation(expand(norm(h)) + shift))
        out: Tensor = self.output(self.output_norm(h))
        return out
