"""Images of a user's array file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import final

import numpy as np
import torch

from interpolants.data.images import Images, LabelledImages
from interpolants.data.reading import Array, load_arrays
from interpolants.utils.checks import check

# An axis of one of these lengths may be that of colour channels.
_CHANNELS = (1, 3)


@final
class ImageFile(Images):
    """Images of a .npy or .npz file of bytes.

    Arrays have shape (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3; if both of the
    latter fit, the last axis is that of channels. In an archive with `x_train` and optionally
    `y_train`, `x_test` and `y_test`, the test images are held out. Otherwise `key` and `label`
    name the arrays, and some images are held out at random.

    Args:
        path: the file; relative paths start at the current folder.
        key: the array of images in an archive; not needed if it is the only one, or `x_train`.
        label: the array of labels in an archive: whole numbers from 0, or vectors of numbers, (N,
            C); none if None.
        held_out_fraction: fraction of images held out if there are no test images.
        split_seed: another seed makes another choice of these images.
        flip: whether to mirror a random half of each training batch from left to right.
        pad: black pixels added on each side.

    Raises:
        ValueError: if the file cannot be read as images of bytes, or an argument does not fit it.
    """

    def __init__(
        self,
        *,
        path: str,
        key: str | None = None,
        label: str | None = None,
        held_out_fraction: float = 0.2,
        split_seed: int = 0,
        flip: bool = False,
        pad: int = 0,
    ) -> None:
        suffix, fix = Path(path).suffix.lower(), f"relative paths start at {Path.cwd()}"
        check(suffix in (".npy", ".npz"), "ImageFile.path", "a .npy or .npz file", path)
        check(Path(path).is_file(), "ImageFile.path", "an existing file", path, fix)
        super().__init__(
            *_sides(path, key, label),
            held_out_fraction=held_out_fraction,
            split_seed=split_seed,
            flip=flip,
            pad=pad,
        )


def _sides(
    path: str, key: str | None, label: str | None
) -> tuple[LabelledImages, LabelledImages | None]:
    loaded = load_arrays("ImageFile", Path(path))
    arrays = {"x": loaded} if isinstance(loaded, np.ndarray) else loaded
    if key is None and label is None and "x_train" in arrays:
        train = _labelled_images(arrays, "x_train", "y_train" if "y_train" in arrays else None)
        if "x_test" not in arrays:
            return train, None
        return train, _labelled_images(arrays, "x_test", "y_test" if "y_test" in arrays else None)
    names = [name for name in arrays if name != label]
    if key is None:
        rule = f"one of {', '.join(names)}, the arrays in {path}"
        check(len(names) == 1, "ImageFile.key", rule, key)
        key = names[0]
    return _labelled_images(arrays, key, label), None


def _labelled_images(arrays: Mapping[str, Array], key: str, label: str | None) -> LabelledImages:
    names = ", ".join(arrays)
    check(key in arrays, "ImageFile.key", f"one of the arrays {names}", key)
    x = arrays[key]
    rule = f"bytes (uint8) in the array {key}"
    check(x.dtype == np.uint8, "ImageFile.path", rule, str(x.dtype), "pixels are 0 to 255")
    rule = f"shape (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3 in the array {key}"
    last = x.ndim == 4 and x.shape[3] in _CHANNELS
    fits = x.ndim == 3 or last or (x.ndim == 4 and x.shape[1] in _CHANNELS)
    check(fits, "ImageFile.path", rule, x.shape)
    x = np.moveaxis(x, 3, 1) if last else (x[:, None] if x.ndim == 3 else x)
    pixels = torch.from_numpy(np.ascontiguousarray(x))
    if label is None:
        return LabelledImages(pixels)
    check(label in arrays, "ImageFile.label", f"one of the arrays {names}", label)
    classes = arrays[label]
    if np.issubdtype(classes.dtype, np.integer) and classes.size == len(x):
        return LabelledImages(pixels, torch.from_numpy(classes.reshape(-1).astype(np.int64)))
    vectors = np.issubdtype(classes.dtype, np.number) and classes.ndim == 2
    rule = f"whole numbers, or vectors of numbers, for {len(x)} images in the array {label}"
    got = (str(classes.dtype), classes.shape)
    check(vectors and len(classes) == len(x), "ImageFile.label", rule, got)
    return LabelledImages(pixels, torch.from_numpy(classes.astype(np.float64)))
