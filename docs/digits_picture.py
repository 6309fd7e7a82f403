"""Lays out classes of digits for the README: rows of the picture by class become columns.

    python docs/digits_picture.py docs/images/mnist_classes.png docs/images/mnist_digits.png

The picture is `samples_classes.png` of `interpolants train experiment=mnist`.
"""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image

_ROWS, _CLASSES, _KEPT = 8, 10, 3


def lay_out(source: str, file: str) -> None:
    """Cut the first digits of each class out of the picture and put classes side by side."""
    picture = np.asarray(Image.open(source).convert("L"))
    dark = picture < 250
    tall = _runs(dark.mean(axis=1) > 0.5)
    wide = _runs(dark.mean(axis=0) > 0.5)
    assert (len(tall), len(wide)) == (_CLASSES, _ROWS), "a picture of ten classes, eight of each"
    size = min(last - first for first, last in (*tall, *wide))
    cells = [[picture[y : y + size, x : x + size] for y, _ in tall] for x, _ in wide[:_KEPT]]
    framed = [[np.pad(cell, 2, constant_values=255) for cell in row] for row in cells]
    Image.fromarray(np.block(framed)).save(file)


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of each stretch of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


if __name__ == "__main__":
    lay_out(*sys.argv[1:])
