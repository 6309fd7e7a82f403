"""Sets in the four files of MNIST."""

from __future__ import annotations

import hashlib
from pathlib import Path

from torch import Tensor

from interpolants.data.idx import read_idx
from interpolants.data.images import LabelledImages
from interpolants.data.public_dataset import PublicDataset
from interpolants.utils.checks import check

_CLASSES = 10
_SIDES = ("train", "t10k")
# Sets share their files' names: md5 of the labels of test images, without the header.
_KNOWN = {
    "mnist": "073c3904dfbd3e141ff8aa01cfde6b15",
    "fashion_mnist": "8dea97a4e78c1bd1b5a6e8efbb870b6e",
}

FILES = "train-images-idx3-ubyte, train-labels-idx1-ubyte, and the same of t10k, plain or .gz,"
"""How errors name the files."""


def md5_by_file(images: str, labels: str, test_images: str, test_labels: str) -> dict[str, str]:
    """Checksums of the four compressed files."""
    names = [
        f"{side}-{part}.gz"
        for side in _SIDES
        for part in ("images-idx3-ubyte", "labels-idx1-ubyte")
    ]
    return dict(zip(names, (images, labels, test_images, test_labels), strict=True))


def read_idx_dataset(
    standard: PublicDataset, root: str | None, download: bool
) -> tuple[LabelledImages, LabelledImages]:
    """Training and test images of 10 classes, (N, 1, H, W).

    Raises:
        ValueError: if the set is nowhere, or a file is damaged.
    """
    return standard.find(root, download, lambda folder: _read(standard, folder))


def _read(standard: PublicDataset, folder: Path) -> tuple[LabelledImages, LabelledImages] | str:
    owner = standard.owner
    paths = {name: _path(folder, name) for name in standard.md5}
    missing = [name.removesuffix(".gz") for name, path in paths.items() if path is None]
    if missing:
        return f"without {', '.join(missing)}" if len(missing) < len(paths) else ""
    files = [path for path in paths.values() if path is not None]
    labels = [read_idx(owner, path, 1) for path in files[1::2]]
    other = _other_set(standard.name, labels[1])
    if other:
        return f"with {other}"
    train, test = (
        _pictures(owner, path, read_idx(owner, path, 3), label)
        for path, label in zip(files[::2], labels, strict=True)
    )
    return train, test


def _path(folder: Path, name: str) -> Path | None:
    """The file, compressed or not, if it is there."""
    plain = folder / name.removesuffix(".gz")
    return next((path for path in (plain, folder / name) if path.is_file()), None)


def _other_set(name: str, labels: Tensor) -> str:
    """The name of another set that has these labels of test images, if one is known."""
    digest = hashlib.md5(labels.numpy().tobytes(), usedforsecurity=False).hexdigest()
    return next((other for other, md5 in _KNOWN.items() if md5 == digest and other != name), "")


def _pictures(owner: str, path: Path, x: Tensor, label: Tensor) -> LabelledImages:
    where = f"{owner}.root"
    check(len(x) == len(label), where, f"{len(label)} images in {path}, as labels", len(x))
    largest = int(label.max()) if len(label) else -1
    check(0 <= largest < _CLASSES, where, f"labels 0 to 9 beside {path}", largest)
    return LabelledImages(x.unsqueeze(1), label.long())
