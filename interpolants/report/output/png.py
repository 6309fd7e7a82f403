"""Samples as PNG images."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from PIL import Image
from torch import Tensor

from interpolants.data.pixels import to_uint8
from interpolants.report.output.base import Output, Table
from interpolants.utils.checks import check, check_finite
from interpolants.utils.files import replace


@final
@dataclass(frozen=True, kw_only=True)
class PngOutput(Output):
    """Images `<stem>/0000000.png`, ..., numbered like the samples.

    Pixels are 255 (x - low) / (high - low), rounded by `interpolants.data.pixels.to_uint8`, and
    black where x is not finite. Labels, if any, are `label` of `<stem>.npz`. Further images of an
    earlier call are deleted.

    Args:
        low, high: raw values of the darkest and the brightest pixel.

    Raises:
        ValueError: if high <= low.
    """

    low: float = 0.0
    high: float = 255.0

    def __post_init__(self) -> None:
        check_finite("PngOutput.low", self.low)
        check_finite("PngOutput.high", self.high)
        above = self.high > self.low
        check(above, "PngOutput.high", f"a number above low = {self.low}", self.high)

    def check(self, event_shape: Sequence[int]) -> None:
        shape = tuple(event_shape)
        fits = len(shape) == 3 and shape[0] in (1, 2, 3, 4)
        rule = "images (C, H, W) with C = 1, 2, 3 or 4"
        check(fits, "PngOutput", rule, f"samples of shape {shape}", "use output=npz")

    def write(
        self,
        x: Tensor,
        label: Tensor | None,
        folder: Path,
        stem: str,
        table: Callable[[], Table] = dict,
    ) -> list[Path]:
        self.check(x.shape[1:])
        images = folder / stem
        for number, image in enumerate(x):
            save = functools.partial(self._to_image(image).save, format="png")
            replace(images / f"{number:07}.png", save)
        for path in images.glob("[0-9]" * 7 + ".png"):
            if int(path.stem) >= len(x):
                path.unlink()
        files = [images / "*.png"]
        if label is not None:
            files.append(folder / f"{stem}.npz")
            labels = label.cpu().numpy()
            replace(files[-1], lambda file: np.savez_compressed(file, label=labels))
        return files

    def _to_image(self, image: Tensor) -> Image.Image:
        scaled = (image.nan_to_num(self.low) - self.low) * (255 / (self.high - self.low))
        pixels = to_uint8(scaled).movedim(0, -1).numpy()
        return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
