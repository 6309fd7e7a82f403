"""Small pieces of two photographs."""

from __future__ import annotations

from typing import final

import torch

from interpolants.data.images import Images, LabelledImages
from interpolants.utils.checks import check, is_whole

_HEIGHT, _WIDTH = 427, 640


@final
class PhotoPatches(Images):
    """Squares cut from the two photographs of 427 x 640 pixels that come with scikit-learn, of a
    temple and of a flower; the label says from which.

    They are a set of colours that is always there. Squares lie on a grid, and may overlap there;
    but those held out are the lower fifth of each photograph, which no training square touches.

    Args:
        size: height and width of a square in pixels, at most 64.
        stride: pixels from one square to the next, along both axes.
        flip: whether half of the images of training batches are mirrored from left to right.

    Raises:
        ValueError: if a number is out of range.
    """

    def __init__(self, *, size: int = 32, stride: int = 8, flip: bool = False) -> None:
        fits = is_whole(size) and 1 <= size <= 64
        check(fits, "PhotoPatches.size", "a whole number from 1 to 64", size)
        fits = is_whole(stride) and 1 <= stride <= _WIDTH
        check(fits, "PhotoPatches.stride", f"a whole number from 1 to {_WIDTH}", stride)
        from sklearn.datasets import load_sample_images

        photographs = [
            torch.tensor(photo).permute(2, 0, 1) for photo in load_sample_images().images
        ]
        cut = _HEIGHT - _HEIGHT // 5
        sides = []
        for rows in (slice(0, cut), slice(cut, _HEIGHT)):
            parts = [
                photo[:, rows]
                .unfold(1, size, stride)
                .unfold(2, size, stride)
                .permute(1, 2, 0, 3, 4)
                for photo in photographs
            ]
            x = torch.stack([part.flatten(0, 1) for part in parts])
            label = torch.arange(len(parts)).repeat_interleave(x.shape[1])
            sides.append(LabelledImages(x.flatten(0, 1).contiguous(), label))
        super().__init__(*sides, flip=flip)
