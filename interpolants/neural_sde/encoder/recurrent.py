"""Bidirectional recurrent encoders of vector time series."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from interpolants.neural_sde.encoder.base import Encoded, Encoder
from interpolants.utils.checks import check_count


@final
class RecurrentEncoder(Encoder):
    """Bidirectional GRU over (values, mask, time since the previous observation).

    The context at a time is the state of both directions; the start features are their last
    states. Irregular times enter by their gaps, missing observations by the mask.

    Args:
        frame_shape: shape of one observation.
        times: times of the observations, ascending.
        hidden: units of each direction.

    Raises:
        ValueError: if `hidden` is not a whole number above zero.
    """

    gaps: Tensor

    def __init__(
        self, *, frame_shape: Sequence[int], times: Sequence[float], hidden: int = 32
    ) -> None:
        super().__init__()
        check_count("RecurrentEncoder.hidden", hidden)
        gaps = torch.tensor([0.0, *times], dtype=torch.float64).diff()
        # In units of the mean gap, so that networks see numbers near one.
        gaps = gaps * (len(times) / max(times[-1], 1e-300))
        self.register_buffer("gaps", gaps.float(), persistent=False)
        self.net = nn.GRU(math.prod(frame_shape) + 2, hidden, batch_first=True, bidirectional=True)
        self.context_size = self.start_size = 2 * hidden

    def forward(self, values: Tensor, mask: Tensor) -> Encoded:
        count = values.shape[1]
        gaps = self.gaps[:count].to(values).expand(len(values), -1)
        known = torch.stack([mask.to(values), gaps], dim=-1)
        context, last = self.net(torch.cat([values.flatten(2), known], dim=-1))
        return Encoded(context=context, start=last.transpose(0, 1).flatten(1))
