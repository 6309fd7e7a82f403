"""Kuzushiji-MNIST, handwritten characters of old Japanese books."""

from __future__ import annotations

from typing import final

from interpolants.data.idx_dataset import IdxDataset, idx_files


@final
class KMNIST(IdxDataset):
    """Kuzushiji-MNIST, 60,000 training and 10,000 test images of 28 x 28 grey pixels.

    The label is the character: o, ki, su, tsu, na, ha, ma, ya, re or wo. Settings are those of
    `IdxDataset`.
    """

    classes = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    public = idx_files(
        "KMNIST",
        "kmnist",
        (
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
        ),
        url="http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        ways="get its files from http://codh.rois.ac.jp/kmnist",
    )
