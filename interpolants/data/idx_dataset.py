"""Data sets in the four IDX files of MNIST."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from interpolants.data.idx import read_idx
from interpolants.data.images import Images, LabelledImages
from interpolants.data.public_dataset import PublicDataset
from interpolants.utils.checks import check

_CLASSES = 10
FILES = "train-images-idx3-ubyte, train-labels-idx1-ubyte, and the same of t10k, plain or .gz,"
"""Names of the files in errors."""

# Data sets share the names of their files: md5 of the labels of test images, without the header.
_KNOWN = {
    "mnist": "073c3904dfbd3e141ff8aa01cfde6b15",
    "fashion_mnist": "8dea97a4e78c1bd1b5a6e8efbb870b6e",
}


class IdxDataset(Images):
    """Images of 28 x 28 grey pixels in ten classes, in the four files of MNIST.

    Raw pixels are whole numbers from 0 to 255, scaled to [-1, 1] for networks. The test images are
    held out.

    Attributes:
        public: the files, and where they are found.

    Args:
        root: folder of the files, or one above in the layout of other libraries; if None, the
            folders of `PublicDataset`.
        download: whether to download the files if they are in none of the folders.
        flip: whether to mirror a random half of each training batch from left to right.
        pad: black pixels added on each side; 2 makes images of 32 x 32.

    Raises:
        ValueError: if the files are not found, with the folders that were searched, are damaged,
            or cannot be downloaded.
    """

    public: ClassVar[PublicDataset]

    def __init__(
        self,
        *,
        root: str | None = None,
        download: bool = False,
        flip: bool = False,
        pad: int = 0,
    ) -> None:
        super().__init__(*read_idx_dataset(self.public, root, download), flip=flip, pad=pad)


def idx_files(
    owner: str,
    name: str,
    md5: tuple[str, str, str, str],
    *,
    url: str,
    ways: str,
    layouts: tuple[str, ...] = (),
    packages: tuple[str, ...] = (),
) -> PublicDataset:
    """The four files of a data set.

    Args:
        owner: name of its class.
        name: name of its folder.
        md5: checksums of the compressed training images and labels, and of the test ones.
        url, ways, packages: as of `PublicDataset`.
        layouts: folders below the user's, besides the usual ones.
    """
    parts = ("images-idx3-ubyte", "labels-idx1-ubyte")
    files = [f"{side}-{part}.gz" for side in ("train", "t10k") for part in parts]
    return PublicDataset(
        owner=owner,
        name=name,
        files=FILES,
        url=url,
        md5=dict(zip(files, md5, strict=True)),
        layouts=("", name, f"{owner}/raw", *layouts),
        packages=packages,
        ways=ways,
    )


def read_idx_dataset(
    public: PublicDataset, root: str | None, download: bool
) -> tuple[LabelledImages, LabelledImages]:
    """Training and test images of ten classes, (N, 1, H, W).

    Raises:
        ValueError: if the data set is in none of the folders, or a file is damaged.
    """
    return public.find(root, download, lambda folder: _read(public, folder))


def _read(public: PublicDataset, folder: Path) -> tuple[LabelledImages, LabelledImages] | str:
    owner = public.owner
    paths = {name: _path(folder, name) for name in public.md5}
    missing = [name.removesuffix(".gz") for name, path in paths.items() if path is None]
    if missing:
        return f"without {', '.join(missing)}" if len(missing) < len(paths) else ""
    files = [path for path in paths.values() if path is not None]
    labels = [read_idx(owner, path, 1) for path in files[1::2]]
    other = _other_dataset(public.name, labels[1])
    if other:
        return f"with {other}"
    train, test = (
        _images(owner, path, read_idx(owner, path, 3), label)
        for path, label in zip(files[::2], labels, strict=True)
    )
    return train, test


def _path(folder: Path, name: str) -> Path | None:
    """The file, compressed or not, if it exists."""
    plain = folder / name.removesuffix(".gz")
    return next((path for path in (plain, folder / name) if path.is_file()), None)


def _other_dataset(name: str, labels: Tensor) -> str:
    """Name of another data set that has these labels of test images, if one is known."""
    digest = hashlib.md5(labels.numpy().tobytes(), usedforsecurity=False).hexdigest()
    return next((other for other, md5 in _KNOWN.items() if md5 == digest and other != name), "")


def _images(owner: str, path: Path, x: Tensor, label: Tensor) -> LabelledImages:
    where = f"{owner}.root"
    check(len(x) == len(label), where, f"{len(label)} images in {path}, as labels", len(x))
    largest = int(label.max()) if len(label) else -1
    check(0 <= largest < _CLASSES, where, f"labels 0 to 9 beside {path}", largest)
    return LabelledImages(x.unsqueeze(1), label.long())
