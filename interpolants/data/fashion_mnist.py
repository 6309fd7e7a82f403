"""LabelledImages of clothes."""

from __future__ import annotations

from typing import final

from interpolants.data.idx_dataset import FILES, md5_by_file, read_idx_dataset
from interpolants.data.images import Images
from interpolants.data.public_dataset import PublicDataset

_SET = PublicDataset(
    owner="FashionMNIST",
    name="fashion_mnist",
    files=FILES,
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    md5=md5_by_file(
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    layouts=("", "fashion_mnist", "FashionMNIST/raw"),
    packages=("/usr/share/datasets/fashion-mnist",),
    ways="run `apt-get install dataset-fashion-mnist`",
)


@final
class FashionMNIST(Images):
    """Fashion-MNIST: 60,000 and 10,000 images of 28 x 28 grey pixels; the label is the article:
    T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag or ankle boot.

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
