"""Images of any size and kind, as bytes of one shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from interpolants.utils.checks import check, check_count, is_whole

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_MOST_PIXELS = 10**8
_FITS = ("crop", "pad")


@final
@dataclass(frozen=True, kw_only=True)
class ImageFit:
    """Conversion of images to one height, width and number of channels.

    An image is rotated by its EXIF orientation, converted to the channels, and fitted by a Lanczos
    filter. Where channels have no transparency, a transparent image is laid on the ground, so that
    colours under transparent pixels never show.

    Args:
        owner: class of the arguments, for error messages.
        size: height and width in pixels, or one number for both.
        channels: 1 for grey, 2 for grey and opacity, 3 for RGB, 4 for RGB and opacity.
        fit: "crop" to the largest centred part of the shape, or "pad" with the ground.
        ground: grey value of the ground, 0 to 255.

    Raises:
        ValueError: if an argument is out of range.
    """

    owner: str
    size: int | Sequence[int]
    channels: int = 3
    fit: str = "crop"
    ground: int = 255

    def __post_init__(self) -> None:
        known = is_whole(self.channels) and self.channels in MODES
        check(known, f"{self.owner}.channels", "1, 2, 3 or 4", self.channels)
        check(self.fit in _FITS, f"{self.owner}.fit", "crop or pad", self.fit)
        good = is_whole(self.ground) and 0 <= self.ground <= 255
        check(good, f"{self.owner}.ground", "a whole number from 0 to 255", self.ground)
        if is_whole(self.size):
            check_count(f"{self.owner}.size", self.size)
            return
        assert not isinstance(self.size, int)
        fits = len(self.size) == 2 and all(is_whole(k) and k > 0 for k in self.size)
        check(fits, f"{self.owner}.size", "a whole number > 0, or [height, width]", self.size)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        height, width = [self.size] * 2 if isinstance(self.size, int) else self.size
        return self.channels, height, width

    def pixels(self, image: Image.Image) -> Tensor:
        """Converted image, uint8, (C, H, W).

        Args:
            image: an image that may not have been decoded yet.

        Raises:
            ValueError: as `check_header`. Decoding may raise anything.
        """
        check_header(image)
        channels, height, width = self.shape
        whole = self._laid(ImageOps.exif_transpose(image))
        if self.fit == "crop":
            fitted = ImageOps.fit(whole, (width, height), Image.Resampling.LANCZOS)
        else:
            # Grey or RGB, and opacity if there is any.
            colours = (self.ground,) * (1 if channels < 3 else 3) + (0,) * (channels in (2, 4))
            colour: Any = colours if channels > 1 else self.ground
            filters = Image.Resampling.LANCZOS
            fitted = ImageOps.pad(whole, (width, height), filters, color=colour)
        return torch.from_numpy(np.array(fitted)).view(height, width, channels).permute(2, 0, 1)

    def _laid(self, image: Image.Image) -> Image.Image:
        """Image with the channels, on the ground if they have no transparency."""
        if self.channels in (1, 3) and image.has_transparency_data:
            image = image.convert("RGBA")
            ground = Image.new("RGBA", image.size, (self.ground,) * 3 + (255,))
            image = Image.alpha_composite(ground, image).convert("RGB")
        return image.convert(MODES[self.channels])


def check_header(image: Image.Image) -> None:
    """Require at most 10^8 pixels of 8 bits, by the header of an image.

    Raises:
        ValueError: if there are more, or colours of more bits, which would be cut.
    """
    if image.width * image.height > _MOST_PIXELS:
        raise ValueError(f"more than {_MOST_PIXELS} pixels")
    # Formats with 16 bits per colour are opened as modes of 8 bits; how they are stored says so.
    stored = str([tile[3] for tile in getattr(image, "tile", [])])
    if image.mode[0] in "IF" or ";16" in stored:
        raise ValueError(f"more than 8 bits for a number (mode {image.mode}), convert it to 8")
