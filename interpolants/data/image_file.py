"""Images of a user's array file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

import numpy as np
import torch

from interpolants.data.categories import classes_of
from interpolants.data.images import Images, LabelledImages
from interpolants.data.pixels import as_bytes, byte_scale, channels_first
from interpolants.data.reading import Array, load_arrays
from interpolants.utils.checks import check


@final
class ImageFile(Images):
    """Images of a .npy or .npz file, kept as bytes.

    Arrays have shape (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1, 3 or 4; if several fit, 1
    and 3 go before 4, and the last axis before the second. Their numbers are bytes, whole numbers
    from 0 to 255 of any type, or real numbers from 0 to 1, which are multiplied by 255 and
    rounded.
    In an archive with `x_train` and optionally `y_train`, `x_test` and `y_test`, the test images
    are held out. Otherwise `key` and `label` name the arrays, and some images are held out at
    random.

    Args:
        path: the file; relative paths start at the current folder.
        key: the array of images in an archive; not needed if it is the only one, or `x_train`.
        label: the array of labels in an archive: whole numbers from 0, names of classes, or
            vectors of numbers, (N, C); none if None.
        held_out_fraction: fraction of images held out if there are no test images.
        split_seed: another seed makes another choice of these images.
        flip: whether to mirror a random half of each training batch from left to right.
        pad: black pixels added on each side.

    Attributes:
        classes: names of the classes 0, 1, ..., in the order of text, or empty.

    Raises:
        ValueError: if the file cannot be read as images, or an argument does not fit it.
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
        train, test, self.classes = _sides(path, key, label)
        super().__init__(
            train,
            test,
            held_out_fraction=held_out_fraction,
            split_seed=split_seed,
            flip=flip,
            pad=pad,
        )


def _sides(
    path: str, key: str | None, label: str | None
) -> tuple[LabelledImages, LabelledImages | None, tuple[str, ...]]:
    loaded = load_arrays("ImageFile", Path(path))
    arrays = {"x": loaded} if isinstance(loaded, np.ndarray) else loaded
    if key is None and label is None and "x_train" in arrays:
        labels = {side: f"y_{side}" for side in ("train", "test") if f"y_{side}" in arrays}
        arrays, classes = _numbered(arrays, list(labels.values()))
        scale = byte_scale("ImageFile.path", arrays["x_train"], "the array x_train")
        train, test = (
            _labelled_images(arrays, f"x_{side}", labels.get(side), scale)
            if f"x_{side}" in arrays
            else None
            for side in ("train", "test")
        )
        assert train is not None
        return train, test, classes
    names = [name for name in arrays if name != label]
    if key is None:
        rule = f"one of {', '.join(names)}, the arrays in {path}"
        check(len(names) == 1, "ImageFile.key", rule, key)
        key = names[0]
    arrays, classes = _numbered(arrays, [label] if label in arrays else [])
    return _labelled_images(arrays, key, label), None, classes


def _numbered(
    arrays: dict[str, Array], labels: Sequence[str]
) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Arrays with labels of text replaced by numbers of classes, and the classes' names."""
    if not any(arrays[name].dtype.kind in "US" for name in labels):
        return arrays, ()
    rows = [arrays[name].reshape(-1).astype(str) for name in labels]
    found = classes_of("ImageFile.label", np.concatenate(rows))
    codes = np.split(found.codes, np.cumsum([len(row) for row in rows])[:-1])
    return {**arrays, **dict(zip(labels, codes, strict=True))}, found.names


def _labelled_images(
    arrays: Mapping[str, Array], key: str, label: str | None, scale: float | None = None
) -> LabelledImages:
    """Images and labels of two arrays, with a factor for the images if others have chosen it."""
    names = ", ".join(arrays)
    check(key in arrays, "ImageFile.key", f"one of the arrays {names}", key)
    where, place = "ImageFile.path", f"the array {key}"
    scale = byte_scale(where, arrays[key], place) if scale is None else scale
    x = as_bytes(where, channels_first(where, arrays[key], place), scale)
    pixels = torch.from_numpy(np.ascontiguousarray(x))
    if label is None:
        return LabelledImages(pixels)
    check(label in arrays, "ImageFile.label", f"one of the arrays {names}", label)
    classes = arrays[label]
    if np.issubdtype(classes.dtype, np.integer) and classes.size == len(x):
        return LabelledImages(pixels, torch.from_numpy(classes.reshape(-1).astype(np.int64)))
    vectors = np.issubdtype(classes.dtype, np.number) and classes.ndim == 2
    rule = f"whole numbers, names, or vectors for {len(x)} images in the array {label}"
    got = (str(classes.dtype), classes.shape)
    check(vectors and len(classes) == len(x), "ImageFile.label", rule, got)
    return LabelledImages(pixels, torch.from_numpy(classes.astype(np.float64)))
