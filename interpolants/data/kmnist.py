"""Handwritten characters of old Japanese books."""

from __future__ import annotations

from typing import final

from interpolants.data.idx_dataset import FILES, md5_by_file, read_idx_dataset
from interpolants.data.images import Images
from interpolants.data.public_dataset import PublicDataset

_SET = PublicDataset(
    owner="KMNIST",
    name="kmnist",
    files=FILES,
    url="http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    md5=md5_by_file(
        "bdb82020997e1d708af4cf47b453dcf7",
        "e144d726b3acfaa3e44228e80efcd344",
        "5c965bf0a639b31b8f53240b1b52f4d7",
        "7320c461ea6c1c855c0b718fb2a4b134",
    ),
    layouts=("", "kmnist", "KMNIST/raw"),
    ways="get its files from http://codh.rois.ac.jp/kmnist",
)


@final
class KMNIST(Images):
    """Kuzushiji-MNIST: 60,000 and 10,000 images of 28 x 28 grey pixels; the label is the
    character: o, ki, su, tsu, na, ha, ma, ya, re or wo.

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
