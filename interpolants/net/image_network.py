"""Networks for images, which work on patches of pixels."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.functional import silu

from interpolants.net.condition import Condition
from interpolants.net.field_network import FieldNetwork
from interpolants.net.label_embedding import LabelEmbedding
from interpolants.net.layers import layers


class TimeInputs(NamedTuple):
    """Arguments of `FieldNetwork` that are about times and guidance."""

    time_features: int
    two_times: bool
    largest_scale: float


class ImageNetwork(FieldNetwork):
    """Network of maps with patches as channels, modulated by features of time and label.

    Args:
        event_shape: (C, H, W).
        heads: as of `FieldNetwork`.
        classes, label_size: as of `LabelEmbedding`.
        image_channels: channels of the conditioning image.
        patch: side of the blocks of pixels that become channels.
        features: length of the conditioning vector.
        times: as of `FieldNetwork`.
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        heads: int,
        classes: int,
        label_size: int,
        image_channels: int,
        patch: int,
        features: int,
        times: TimeInputs,
    ) -> None:
        super().__init__(
            event_shape=event_shape,
            heads=heads,
            image_channels=image_channels,
            **times._asdict(),
        )
        self.in_channels = (event_shape[0] + image_channels) * patch**2
        self.out_channels = heads * event_shape[0] * patch**2
        self.time = layers([self.embedding.out_features, features, features], "silu")
        self.label = LabelEmbedding(classes=classes, label_size=label_size, features=features)
        self.into, self.back = nn.PixelUnshuffle(patch), nn.PixelShuffle(patch)

    def evaluate(self, t: Tensor, x: Tensor, condition: Condition | None) -> Tensor:
        features, label = self.time(self.embed(t, condition).to(x.dtype)), self.label(condition)
        features = silu(features if label is None else features + label)
        out: Tensor = self.back(self.evaluate_maps(self.into(x), features))
        return out

    @abc.abstractmethod
    def evaluate_maps(self, x: Tensor, features: Tensor) -> Tensor:
        """All heads as maps (B, out_channels, H', W').

        Args:
            x: patches of the state and the conditioning image, (B, in_channels, H', W').
            features: conditioning vectors, (B or 1, features).
        """
