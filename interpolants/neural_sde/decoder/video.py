"""Convolutional decoders, from states of a latent process to frames of a video."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn

from interpolants.net.frame_widths import GROUPS, frame_widths
from interpolants.neural_sde.decoder.base import Decoder
from interpolants.utils.checks import check, check_count, check_positive, is_whole


@final
class VideoDecoder(Decoder):
    """Decoder that mirrors `VideoEncoder`: an MLP of (X, content) to 4x4 maps, then upsampling.

    Each block doubles the sides by nearest-neighbour upsampling and applies a convolution of width
    3, group normalisation and SiLU; a last convolution returns the channels of a frame, and a
    sigmoid maps pixels to (0, 1), the range that the data must have.

    Args:
        frame_shape: (C, S, S) with S = 8, 16, 32, ...
        latent: size of X.
        content_size: size of the content; 0 for none.
        features: F, channels of the largest maps, a multiple of 8; others have 2 F, 4 F, 4 F ...
        hidden: width of the MLP.
        std: standard deviation of a pixel around its mean, > 0. With the default sqrt(1/2)
            the negative log-likelihood is the sum of the squared errors, up to a constant.

    Raises:
        ValueError: if an argument is out of range.
    """

    _std: Tensor

    def __init__(
        self,
        *,
        frame_shape: Sequence[int],
        latent: int,
        content_size: int,
        features: int = 64,
        hidden: int = 256,
        std: float = math.sqrt(0.5),
    ) -> None:
        super().__init__()
        widths = frame_widths("VideoDecoder", frame_shape, features)[::-1]
        check_count("VideoDecoder.latent", latent)
        whole = is_whole(content_size) and content_size >= 0
        check(whole, "VideoDecoder.content_size", "a whole number >= 0", content_size)
        check_count("VideoDecoder.hidden", hidden)
        check_positive("VideoDecoder.std", std)
        self.register_buffer("_std", torch.tensor(float(std)), persistent=False)
        self.maps = nn.Sequential(
            nn.Linear(latent + content_size, hidden),
            nn.SiLU(),
            nn.Linear(hidden, 16 * widths[0]),
            nn.SiLU(),
            nn.Unflatten(1, (widths[0], 4, 4)),
        )
        self.up = nn.Sequential(
            *[_block(*channels) for channels in pairwise([widths[0], *widths])]
        )
        self.frame = nn.Conv2d(widths[-1], frame_shape[0], 3, padding=1)

    def forward(self, x: Tensor, content: Tensor | None) -> Tensor:
        """Decode states to mean frames, with pixels in (0, 1).

        Args:
            x: states, (N, latent).
            content: features shared by all frames of a video, (N, content_size), or None.

        Returns:
            Shape (N, C, S, S).
        """
        maps = self.maps(x if content is None else torch.cat((x, content), dim=1))
        # Convolutions are fastest with channels last.
        maps = self.up(maps.contiguous(memory_format=torch.channels_last))
        return torch.sigmoid(self.frame(maps))

    def std(self) -> Tensor:
        """Standard deviation of a pixel around its mean, 0-d."""
        return self._std


class _UpConvolution(nn.Conv2d):
    """Nearest-neighbour upsampling and a convolution of width 3, as one transposed convolution.

    Four output pixels depend on 2x2 input pixels: the weights of copies of one pixel are summed
    first. The result is the same, with 4 products per pixel instead of 9.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 3, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        sums = nn.functional.avg_pool2d(self.weight, 2, 1, padding=1, divisor_override=1)
        kernel = sums.flip(2, 3).transpose(0, 1)
        return nn.functional.conv_transpose2d(input, kernel, stride=2, padding=1)


def _block(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        _UpConvolution(channels_in, channels_out), nn.GroupNorm(GROUPS, channels_out), nn.SiLU()
    )
