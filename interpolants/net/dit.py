"""Diffusion transformer for images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from interpolants.net.image_network import ImageNetwork, TimeInputs
from interpolants.net.layers import scaled
from interpolants.net.recompute import run
from interpolants.net.rotary_positions import RotaryPositions
from interpolants.net.shape_checks import check_event_shape
from interpolants.net.transformer_block import TransformerBlock, modulated
from interpolants.utils.checks import check, check_count


@final
class DiT(ImageNetwork):
    """Transformer over the patches of an image, in blocks modulated by time and label.

    After Peebles and Xie, arXiv 2212.09748.

    Args:
        event_shape: (C, H, W).
        heads: number of fields predicted, each of the event's shape.
        classes, label_size: kind of the labels, as of `LabelEmbedding`.
        image_channels: channels of the conditioning image.
        patch: a token is a square of patch x patch pixels; time grows with the square of the
            number of tokens.
        channels: channels of a token.
        blocks: number of blocks.
        head_channels: channels of an attention head; divides the channels.
        rotary: whether attention takes relative positions (`RotaryPositions`); otherwise each
            position has a learned vector.
        time_features: number of sines and cosines of the time.
        checkpoint: whether to recompute blocks in the backward pass, to save memory.
        two_times, largest_scale: as of `FieldNetwork`.

    Raises:
        ValueError: if an argument is out of range, or the patches do not fill the image.
    """

    def __init__(
        self,
        *,
        event_shape: Sequence[int],
        heads: int,
        classes: int = 0,
        label_size: int = 0,
        image_channels: int = 0,
        patch: int = 2,
        channels: int = 128,
        blocks: int = 6,
        head_channels: int = 32,
        rotary: bool = True,
        time_features: int = 64,
        checkpoint: bool = False,
        two_times: bool = False,
        largest_scale: float = 0.0,
    ) -> None:
        rows, columns = _checked_grid(event_shape, patch)
        _check_sizes(channels, head_channels, rotary, blocks=blocks)
        times = TimeInputs(time_features, two_times, largest_scale)
        super().__init__(
            event_shape, heads, classes, label_size, image_channels, patch, channels, times
        )
        self.checkpoint = checkpoint
        self.stem = nn.Linear(self.in_channels, channels)
        self.places = (
            None if rotary else nn.Parameter(0.02 * torch.randn(rows * columns, channels))
        )
        self.turns = RotaryPositions(rows, columns, head_channels) if rotary else nn.Identity()
        self.blocks = nn.ModuleList(
            TransformerBlock(channels, head_channels, channels) for _ in range(blocks)
        )
        self.norm = nn.LayerNorm(channels, elementwise_affine=False)
        self.condition = nn.Linear(channels, 2 * channels)
        scaled(self.condition, 0.0)
        self.output = nn.Linear(channels, self.out_channels)
        scaled(self.output, 0.1)  # near zero, but zeros would stop the first gradients

    def evaluate_maps(self, x: Tensor, features: Tensor) -> Tensor:
        h = self.stem(x.flatten(2).mT)
        if self.places is not None:
            h = h + self.places
        for block in self.blocks:
            h = run(block, h, features, self.turns, again=self.checkpoint)
        scale, shift = self.condition(features).chunk(2, dim=1)
        tokens = self.output(modulated(self.norm(h), scale, shift))
        out: Tensor = tokens.mT.unflatten(2, x.shape[2:])
        return out


def _checked_grid(event_shape: Sequence[int], patch: int) -> tuple[int, int]:
    """Rows and columns of patches; requires that they fill the image."""
    shape = check_event_shape("DiT.event_shape", event_shape)
    check(len(shape) == 3, "DiT.event_shape", "an image (C, H, W)", shape)
    check_count("DiT.patch", patch)
    fits = shape[1] % patch == 0 and shape[2] % patch == 0
    rule, fix = f"sides that are multiples of {patch}", "choose a smaller patch, or pad the images"
    check(fits, "DiT.patch", rule, shape, fix)
    return shape[1] // patch, shape[2] // patch


def _check_sizes(channels: int, head_channels: int, rotary: bool, **counts: int) -> None:
    sizes = {"channels": channels, "head_channels": head_channels}
    for name, value in (counts | sizes).items():
        check_count(f"DiT.{name}", value)
    divides = f"a divisor of channels = {channels}"
    check(channels % head_channels == 0, "DiT.head_channels", divides, head_channels)
    turns = not rotary or head_channels % 4 == 0
    rule = "a multiple of 4 with rotary positions"
    check(turns, "DiT.head_channels", rule, head_channels, "set rotary=false")
