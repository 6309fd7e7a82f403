"""U-Net for images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from interpolants.net.downsample import Downsample
from interpolants.net.image_network import ImageNetwork, TimeInputs
from interpolants.net.layers import scaled
from interpolants.net.normalise import normalise
from interpolants.net.recompute import run
from interpolants.net.shape_checks import check_counts, check_event_shape
from interpolants.net.stage import Stage
from interpolants.net.upsample import Upsample
from interpolants.utils.checks import check, check_count, is_number, is_whole


@final
class UNet(ImageNetwork):
    """U-Net with residual blocks and attention at chosen sizes.

    After Dhariwal and Nichol, arXiv 2105.05233: time and label scale and shift the maps of every
    block.

    Args:
        event_shape: (C, H, W).
        heads: number of fields predicted, each of the event's shape.
        classes, label_size: kind of the labels, as of `LabelEmbedding`.
        image_channels: channels of the conditioning image.
        channels: channels at the largest size, a multiple of 8.
        multipliers: factors of the channels at each size, largest size first; each size has half
            the rows and columns of the one before.
        blocks: number of blocks at each size of the encoder; the decoder has one more.
        attention: numbers of rows of the maps with attention.
        head_channels: channels of an attention head.
        patch: side of the blocks of pixels that become channels at the input, and pixels again at
            the output, which saves much time on a CPU.
        dropout: dropout probability within blocks, in [0, 1).
        time_features: number of sines and cosines of the time.
        checkpoint: whether to recompute blocks in the backward pass, to save memory.
        two_times, largest_scale: as of `FieldNetwork`.

    Raises:
        ValueError: if an argument is out of range, or the sides of the image cannot be halved so
            often.
    """

    def __init__(
        self,
        *,
        event_shape: Sequence[int],
        heads: int,
        classes: int = 0,
        label_size: int = 0,
        image_channels: int = 0,
        channels: int = 32,
        multipliers: Sequence[int] = (1, 2, 2),
        blocks: int = 2,
        attention: Sequence[int] = (7, 8),
        head_channels: int = 32,
        patch: int = 1,
        dropout: float = 0.0,
        time_features: int = 64,
        checkpoint: bool = False,
        two_times: bool = False,
        largest_scale: float = 0.0,
    ) -> None:
        rows = _checked_rows(event_shape, patch, multipliers)
        _check_sizes(channels, dropout, attention, head_channels, blocks=blocks)
        features, times = 4 * channels, TimeInputs(time_features, two_times, largest_scale)
        super().__init__(
            event_shape, heads, classes, label_size, image_channels, patch, features, times
        )
        self.checkpoint = checkpoint
        self.stem = nn.Conv2d(self.in_channels, channels, 3, padding=1)

        def stage(before: int, after: int, level: int) -> Stage:
            attends = rows >> level in attention
            return Stage(before, after, features, dropout, head_channels if attends else None)

        widths = [channels * multiplier for multiplier in multipliers]
        self.down, kept = _way_down(channels, widths, blocks, stage)
        self.middle = nn.ModuleList(stage(kept[-1], kept[-1], len(widths) - 1) for _ in range(2))
        self.up = _way_up(kept, widths, blocks, stage)
        self.norm = normalise(widths[0])
        self.output = nn.Conv2d(widths[0], self.out_channels, 3, padding=1)
        scaled(self.output, 0.1)  # near zero, but zeros would stop the first gradients

    def evaluate_maps(self, x: Tensor, features: Tensor) -> Tensor:
        h = self.stem(x)
        kept = [h]
        for part in self.down:
            h = run(part, h, features, again=self.checkpoint)
            kept.append(h)
        for part in self.middle:
            h = run(part, h, features, again=self.checkpoint)
        for part in self.up:
            taken = h if isinstance(part, Upsample) else torch.cat([h, kept.pop()], dim=1)
            h = run(part, taken, features, again=self.checkpoint)
        out: Tensor = self.output(silu(self.norm(h)))
        return out


def _way_down(
    channels: int, widths: Sequence[int], blocks: int, stage: Callable[[int, int, int], Stage]
) -> tuple[nn.ModuleList, list[int]]:
    """Blocks and downsampling of the encoder, and the channels of the stem and of each output."""
    parts, kept = nn.ModuleList(), [channels]
    for level, width in enumerate(widths):
        if level > 0:
            parts.append(Downsample(kept[-1]))
            kept.append(kept[-1])
        for _ in range(blocks):
            parts.append(stage(kept[-1], width, level))
            kept.append(width)
    return parts, kept


def _way_up(
    kept: list[int], widths: Sequence[int], blocks: int, stage: Callable[[int, int, int], Stage]
) -> nn.ModuleList:
    """Blocks of the decoder, each with an output of the encoder as input, and upsampling."""
    parts, width = nn.ModuleList(), widths[-1]
    for level in reversed(range(len(widths))):
        for _ in range(blocks + 1):
            parts.append(stage(width + kept.pop(), widths[level], level))
            width = widths[level]
        if level > 0:
            parts.append(Upsample(width))
    return parts


def _checked_rows(event_shape: Sequence[int], patch: int, multipliers: Sequence[int]) -> int:
    """Rows of the largest maps; requires sides that can be halved so often."""
    shape = check_event_shape("UNet.event_shape", event_shape)
    check(len(shape) == 3, "UNet.event_shape", "an image (C, H, W)", shape)
    check_count("UNet.patch", patch)
    check_counts("UNet.multipliers", multipliers)
    check(len(multipliers) > 0, "UNet.multipliers", "at least one", multipliers)
    unit = patch * 2 ** (len(multipliers) - 1)
    fix = "choose fewer multipliers, a smaller patch, or pad the images"
    fits = shape[1] % unit == 0 and shape[2] % unit == 0
    check(fits, "UNet.multipliers", f"sides that are multiples of {unit}", shape, fix)
    return shape[1] // patch


def _check_sizes(
    channels: int, dropout: float, attention: Sequence[int], head_channels: int, **counts: int
) -> None:
    check_counts("UNet.attention", attention)
    for name, value in (counts | {"head_channels": head_channels}).items():
        check_count(f"UNet.{name}", value)
    eights = is_whole(channels) and channels > 0 and channels % 8 == 0
    check(eights, "UNet.channels", "a multiple of 8 above 0", channels)
    share = is_number(dropout) and 0 <= dropout < 1
    check(share, "UNet.dropout", "a number in [0, 1)", dropout)
