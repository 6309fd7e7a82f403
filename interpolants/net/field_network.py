"""Networks that predict fields."""

from __future__ import annotations

import abc
from collections.abc import Sequence

from torch import Tensor, nn

from interpolants.net.condition import Condition
from interpolants.net.embedding import TimeEmbedding
from interpolants.net.gap_embedding import GapEmbedding
from interpolants.net.guidance_embedding import GuidanceEmbedding
from interpolants.net.image_input import with_image
from interpolants.net.shape_checks import check_event_shape
from interpolants.utils.checks import check, check_count


class FieldNetwork(nn.Module, abc.ABC):
    """Network of time, state and condition with a head for each predicted field.

    A network need not be a subclass. The contract is that of any module that is made of the
    keywords `event_shape` and `heads`, of `classes` or `label_size` if it is conditioned on
    labels, and of `image_channels` if it is conditioned on images.

    It is called as net(t, x), or net(t, x, condition) with a `Condition`, with t 0-d or (B,), and
    x (B, *event) in any memory layout and in the precision of the weights; t is at least in
    float32. It returns finite predictions (B, heads, *event), in any layout, and leaves its
    arguments as they are. Classes are int64, (B,), and vectors (B, label_size). A label that is
    dropped or missing is the null label, of which the network has an embedding of its own.

    In `eval()` mode nothing is drawn, and the predictions of a row depend on that row alone, at a
    time of shape (B,) as at one of no shape. In `train()` mode it may draw from torch's own
    generator, which is set before every step. Gradients by the weights exist; `log_prob` also
    needs those by x.

    `interpolants.net.probe.probe_network` tries the cheap part of this before training, and
    `interpolants.testing.check_net` all of it. `TorchModule` wraps what keeps another contract.

    Args:
        event_shape: shape of one sample.
        heads: number of fields predicted, each of the event's shape.
        image_channels: channels of the conditioning image.
        time_features: number of sines and cosines of the time.
        two_times: whether it is the network of a flow map, with a second time
            (`Condition.until`). Only such a network has weights for it.
        largest_scale: largest guidance scale that is an input (`Condition.guidance`); 0 for none.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        *,
        event_shape: Sequence[int],
        heads: int,
        time_features: int,
        image_channels: int = 0,
        two_times: bool = False,
        largest_scale: float = 0.0,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        shape = check_event_shape(f"{name}.event_shape", event_shape)
        check_count(f"{name}.heads", heads)
        self._out_shape = (heads, *shape)
        self.image_channels = image_channels
        self.embedding = TimeEmbedding(features=time_features)
        features = self.embedding.out_features
        self.gap = GapEmbedding(features) if two_times else None
        self.largest_scale = largest_scale
        self.guide = GuidanceEmbedding(features) if largest_scale else None

    def forward(self, t: Tensor, x: Tensor, condition: Condition | None = None) -> Tensor:
        """Evaluate all heads.

        Args:
            t: 0-d, or shape (B,).
            x: shape (B, *event).
            condition: condition of the samples; the null label if None.

        Returns:
            Shape (B, heads, *event).
        """
        out = self.evaluate(t, with_image(x, condition, self.image_channels), condition)
        return out.reshape(len(x), *self._out_shape)

    def embed(self, t: Tensor, condition: Condition | None) -> Tensor:
        """Features of the time, a second one and a guidance scale, if any, (1 or B, features)."""
        features: Tensor = self.embedding(t)
        if condition is None:
            return features
        name = type(self).__name__
        if condition.until is not None:
            rule, fix = "a network with two times", "train with task=flow_map"
            check(self.gap is not None, name, rule, "one with one time", fix)
            assert self.gap is not None
            features = features + self.gap(condition.until - t).to(features.dtype)
        if condition.guidance is not None:
            rule, fix = "a network with guidance scales", "train with objective.largest_scale=8"
            check(self.guide is not None, name, rule, "one without", fix)
            assert self.guide is not None
            features = features + self.guide(condition.guidance).to(features.dtype)
        return features

    @abc.abstractmethod
    def evaluate(self, t: Tensor, x: Tensor, condition: Condition | None) -> Tensor:
        """All heads in any shape, where x has the channels of the conditioning image too."""
