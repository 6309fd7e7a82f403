"""Images in memory."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad as pad_with_zeros

from interpolants.data.base import checked_labels
from interpolants.data.image_data import ImageData
from interpolants.data.split_data import held_out_by_hash, row_bytes
from interpolants.utils.checks import check, check_open_interval, check_seed, is_whole


class LabelledImages(NamedTuple):
    """Images with or without labels.

    Attributes:
        x: uint8, shape (N, C, H, W).
        label: classes, int64, shape (N,), or vectors, float32, shape (N, C), or None.
    """

    x: Tensor
    label: Tensor | None = None


class Images(ImageData):
    """Images in host memory, with one byte per number.

    Use it directly for tensors; subclasses read their images from files.

    Args:
        train: training images, or all images without `test`.
        test: held-out images; None to choose them by a hash of their pixels.
        held_out_fraction: fraction of images held out by a hash, in (0, 1).
        split_seed: another seed makes another choice of these images.
        flip: whether to mirror a random half of each training batch from left to right.
        pad: black pixels added on each side, for networks that halve the size often.

    Raises:
        ValueError: if the images are not uint8 of one shape, there are none, or fewer than two to
            split, or their labels are neither classes 0, 1, ... nor vectors.
    """

    def __init__(
        self,
        train: LabelledImages,
        test: LabelledImages | None = None,
        *,
        held_out_fraction: float = 0.2,
        split_seed: int = 0,
        flip: bool = False,
        pad: int = 0,
    ) -> None:
        name = type(self).__name__
        check_open_interval(f"{name}.held_out_fraction", held_out_fraction, 0, 1)
        check_seed(f"{name}.split_seed", split_seed)
        check(is_whole(pad) and pad >= 0, f"{name}.pad", "a whole number >= 0", pad)
        train = _checked(f"{name}.train", train)
        if test is None:
            check(len(train.x) >= 2, f"{name}.train", "at least 2 images", len(train.x))
            held = held_out_by_hash(name, row_bytes(train.x), held_out_fraction, split_seed)
            train, test = _side(train, ~held), _side(train, held)
        test = _checked(f"{name}.test", test)
        shape, labelled = train.x.shape[1:], train.label is not None
        fits = test.x.shape[1:] == shape and (test.label is not None) == labelled
        rule = f"images of shape {tuple(shape)} {'with' if labelled else 'without'} labels"
        check(fits, f"{name}.test", rule, tuple(test.x.shape[1:]))
        self.pad = pad
        self._sides = (train, test)
        channels, height, width = shape
        super().__init__((channels, height + 2 * pad, width + 2 * pad), flip=flip)

    def pixels(self, numbers: Tensor, *, held_out: bool = False) -> Tensor:
        x = self._sides[held_out].x[numbers]
        return pad_with_zeros(x, [self.pad] * 4) if self.pad else x

    def count(self, *, held_out: bool = False) -> int:
        return len(self._sides[held_out].x)

    def labels(self, *, held_out: bool = False) -> Tensor | None:
        return self._sides[held_out].label


def _side(images: LabelledImages, rows: Tensor) -> LabelledImages:
    return LabelledImages._make(None if part is None else part[rows] for part in images)


def _checked(where: str, images: LabelledImages) -> LabelledImages:
    x, label = images
    fits = x.dtype == torch.uint8 and x.dim() == 4 and x.numel() > 0
    check(fits, where, "uint8 images of shape (N, C, H, W)", (x.dtype, tuple(x.shape)))
    if label is None:
        return images
    return LabelledImages(x, checked_labels(where, label, len(x)))
