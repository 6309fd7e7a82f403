"""A weight of losses that is learned beside them, a function of the times alone."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from interpolants.net.embedding import TimeEmbedding
from interpolants.net.layers import layers, zeroed
from interpolants.objective.base import Losses

_FEATURES, _HIDDEN = 16, 64
# Keeps its gradients out of the norm by which those of the map are clipped.
_SHARE = 0.01


@final
class LearnedWeight(nn.Module):
    """Factor exp(mean a - a(s, t)) of the losses of jumps, exp(a) being their mean at (s, t).

    It equalises losses over the times, after the uncertainties of Karras et al., arXiv 2312.02696.
    The mean of a over the batch keeps the balance with the velocity's loss.
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedding = TimeEmbedding(features=_FEATURES)
        widths = [2 * self.embedding.out_features, _HIDDEN, _HIDDEN, 1]
        self.layers = zeroed(layers(widths, "silu"))

    def forward(self, t: Tensor, losses: Losses, size: int) -> Losses:
        """Weight the losses of jumps.

        Args:
            t: pairs of times, (B, 2).
            losses: those of velocity and jumps, (B, 2).
            size: numbers in one sample.
        """
        s, until = t.unbind(dim=1)
        apart = s != until
        at = torch.cat([self.embedding(s), self.embedding(until - s)], dim=1)
        level = self.layers(at.to(losses.weighted.dtype)).squeeze(1)
        velocity, jump = losses.weighted.unbind(dim=1)
        own = torch.where(apart, (-level).exp() * jump.detach() / size + level, 0)
        known = level.detach()
        centre = torch.where(apart, known, 0).sum() / apart.sum().clamp(min=1)
        weighted = (centre - known).exp() * jump + _SHARE * size * own
        return losses._replace(weighted=torch.stack([velocity, weighted], dim=1))
