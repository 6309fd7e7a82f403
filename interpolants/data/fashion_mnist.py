"""Fashion-MNIST, articles of clothing."""

from __future__ import annotations

from typing import final

from interpolants.data.idx_dataset import IdxDataset, idx_files


@final
class FashionMNIST(IdxDataset):
    """Fashion-MNIST, 60,000 training and 10,000 test images of 28 x 28 grey pixels.

    The label is the article: T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag
    or ankle boot. Settings are those of `IdxDataset`.
    """

    classes = (
        *("T-shirt", "trouser", "pullover", "dress", "coat"),
        *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
    )
    public = idx_files(
        "FashionMNIST",
        "fashion_mnist",
        (
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ways="run `apt-get install dataset-fashion-mnist`",
        packages=("/usr/share/datasets/fashion-mnist",),
    )
