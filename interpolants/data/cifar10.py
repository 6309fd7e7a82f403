"""CIFAR-10, small photographs of animals and vehicles."""

from __future__ import annotations

from typing import final

from interpolants.data.cifar_batches import read_cifar10
from interpolants.data.images import Images
from interpolants.data.public_dataset import PublicDataset

_SET = PublicDataset(
    owner="CIFAR10",
    name="cifar10",
    files="cifar-10-python.tar.gz or cifar-10-binary.tar.gz, or the batches in them,",
    url="https://www.cs.toronto.edu/~kriz/",
    md5={"cifar-10-python.tar.gz": "c58f30108f718f92721af3b95e74349a"},
    layouts=("", "cifar10"),
    ways="get an archive from https://www.cs.toronto.edu/~kriz/cifar.html",
)


@final
class CIFAR10(Images):
    """CIFAR-10, 50,000 training and 10,000 test images of 32 x 32 pixels in RGB.

    The label is the class of the object: airplane, automobile, bird, cat, deer, dog, frog, horse,
    ship or truck.

    Raw pixels are whole numbers from 0 to 255, scaled to [-1, 1] for networks. The test images are
    held out. Both the Python and the binary version are read, unpacked or not; no code in them is
    run.

    Args:
        root: folder of an archive or of the batches; if None, the folders of `PublicDataset`.
        download: whether to download the archive if it is in none of the folders.
        flip: whether half of the images of training batches are mirrored from left to right.

    Raises:
        ValueError: if the batches are not found, with the folders that were searched, are damaged,
            or cannot be downloaded.
    """

    classes = (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    )

    def __init__(
        self, *, root: str | None = None, download: bool = False, flip: bool = False
    ) -> None:
        sides = _SET.find(root, download, lambda folder: read_cifar10("CIFAR10", folder))
        super().__init__(*sides, flip=flip)
