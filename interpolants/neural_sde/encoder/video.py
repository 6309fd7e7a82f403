"""Convolutional encoders of videos."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn

from interpolants.net.frame_widths import GROUPS, frame_widths
from interpolants.neural_sde.encoder.base import Encoded, Encoder
from interpolants.utils.checks import check, check_count, is_whole

# The start features depend on this many frames.
_FIRST = 3


@final
class VideoEncoder(Encoder):
    """Encoder with convolutions over each frame, then along the frames.

    Each frame goes through blocks of a convolution of width 3, a maximum over 2x2, group
    normalisation and SiLU, down to 4x4 pixels, and through a linear layer to its features
    h_i. From these,

        context g_i: two convolutions of width 3 along the frames, with SiLU between,
        start: a layer with SiLU on (g_0, h_0, h_1, h_2), repeating the last of fewer frames,
        content: an MLP of the median of h over the existing frames.

    A missing frame is zero, like the padding beyond the ends of a video: missing frames at the end
    have the same effect as leaving them out. Times of the frames are ignored. The architecture is
    that of the latent video model of Daems et al. (2024), arXiv 2310.12975.

    Args:
        frame_shape: (C, S, S) with S = 8, 16, 32, ...
        times: times of the observations; not used.
        features: F, channels of the first block, a multiple of 8; then 2 F, 4 F, 4 F ...
        hidden: size of h_i, and width of the layers after it.
        context_size: size of g_i.
        content_size: size of the content; 0 for none.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        *,
        frame_shape: Sequence[int],
        times: Sequence[float],
        features: int = 64,
        hidden: int = 256,
        context_size: int = 64,
        content_size: int = 64,
    ) -> None:
        super().__init__()
        widths = frame_widths("VideoEncoder", frame_shape, features)
        check_count("VideoEncoder.hidden", hidden)
        check_count("VideoEncoder.context_size", context_size)
        whole = is_whole(content_size) and content_size >= 0
        check(whole, "VideoEncoder.content_size", "a whole number >= 0", content_size)
        self.context_size = context_size
        self.start_size = hidden
        self.content_size = content_size
        blocks = [_block(*channels) for channels in pairwise([frame_shape[0], *widths])]
        # Convolutions are fastest with channels last.
        maps = nn.Sequential(*blocks).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.frame = nn.Sequential(maps, nn.Flatten(), nn.Linear(16 * widths[-1], hidden))
        self.along = nn.Conv1d(hidden, hidden, 3, padding=1)
        self.context = nn.Conv1d(hidden, context_size, 3, padding=1)
        self.start = nn.Sequential(nn.Linear(context_size + _FIRST * hidden, hidden), nn.SiLU())
        self.content = (
            nn.Sequential(nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, content_size))
            if content_size
            else None
        )

    def forward(self, values: Tensor, mask: Tensor) -> Encoded:
        """Encode a batch of videos.

        Args:
            values: frames, 0 if missing, (B, T, C, S, S).
            mask: True at existing frames, bool, (B, T).

        Returns:
            Context (B, T, context_size), start (B, hidden) and content (B, content_size); the
            median of a video without frames is 0.
        """
        absent = ~mask.unsqueeze(2)
        h: Tensor = self.frame(values.flatten(0, 1)).unflatten(0, mask.shape)
        h = h.masked_fill(absent, 0.0)
        along = nn.functional.silu(self.along(h.mT)).masked_fill(absent.mT, 0.0)
        context: Tensor = self.context(along).mT
        first = [h[:, min(i, h.shape[1] - 1)] for i in range(_FIRST)]
        start = self.start(torch.cat((context[:, 0], *first), dim=1))
        return Encoded(context, start, self._content(h, mask))

    def _content(self, h: Tensor, mask: Tensor) -> Tensor | None:
        return None if self.content is None else self.content(_median(h, mask))


def _block(channels_in: int, channels_out: int) -> nn.Sequential:
    # The normalisation has a shift, so the convolution needs none.
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.MaxPool2d(2),
        nn.GroupNorm(GROUPS, channels_out),
        nn.SiLU(),
    )


def _median(h: Tensor, mask: Tensor) -> Tensor:
    """Median of (B, T, F) over the times in a mask (B, T), (B, F); 0 if the mask is empty.

    For an even number of values it is the mean of the two in the middle.
    """
    present = mask.unsqueeze(2)
    ascending = h.masked_fill(~present, torch.inf).sort(dim=1).values
    last = mask.sum(dim=1).view(-1, 1, 1).expand(-1, 1, h.shape[2]) - 1
    low = ascending.gather(1, last.clamp(min=0) // 2)
    high = ascending.gather(1, (last + 1) // 2)
    median = torch.lerp(low, high, 0.5).squeeze(1)
    return median.masked_fill(~mask.any(dim=1, keepdim=True), 0.0)
