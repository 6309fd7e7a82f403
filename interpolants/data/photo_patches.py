"""Patches of two photographs."""

from __future__ import annotations

from typing import final

import torch

from interpolants.data.images import Images, LabelledImages
from interpolants.utils.checks import check, is_whole

_HEIGHT, _WIDTH = 427, 640


@final
class PhotoPatches(Images):
    """Square patches of the two photographs of scikit-learn; the label is the photograph.

    A colour data set that needs no download. The photographs, of a temple and a flower, have 427 x
    640 pixels. Patches are on a grid and may overlap; those held out are from the lower fifth of
    each photograph, which no training patch touches.

    Args:
        size: height and width of a patch in pixels, at most 64.
        stride: pixels from one patch to the next, along both axes.
        flip: whether to mirror a random half of each training batch from left to right.

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
