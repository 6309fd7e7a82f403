"""Rows of a data set of PyTorch's."""

from __future__ import annotations

from typing import final

from torch.utils import data as torch_data

from interpolants.data.dataset_source import DatasetSource
from interpolants.data.large import LargeData
from interpolants.data.row_items import AUTO


@final
class Dataset(LargeData):
    """Rows of any map-style `torch.utils.data.Dataset`, named by its class.

    Its items are x, (x, label), or a dict of them: tensors, arrays, numbers or PIL images of one
    size; tensors of images are (C, H, W). Item i must be the same whenever it is read, so random
    transforms have to be left out: training is resumed by reading items by their number. Streams
    cannot be read so; write them to a file by `python -m interpolants.data.to_npy`. A checkpoint
    names the class; to compare samples with such data, `interpolants sample` needs its module in
    `trust`.

    Args:
        dataset: the data set, with `__len__` and `__getitem__`.
        x: key or number of the row in an item; "auto" for "x" in a dict, the first of a tuple, or
            all of the item.
        label: that of the label, a class 0, 1, ... or a vector; "auto" for "label" in a dict, or
            the second of a tuple; None for no labels.
        pixels, flip, standardize, held_out_fraction, split_seed: as of `LargeData`.
        sample_rows, num_classes: as of `LargeData`; the sample is read at the start.

    Raises:
        ValueError: if it is a stream or random, or its items are not numbers of one shape.
    """

    def __init__(
        self,
        *,
        dataset: torch_data.Dataset,  # type: ignore[type-arg]
        x: str | int = AUTO,
        label: str | int | None = AUTO,
        pixels: bool = False,
        flip: bool = False,
        standardize: bool = True,
        held_out_fraction: float = 0.2,
        split_seed: int = 0,
        sample_rows: int = 1_000,
        num_classes: int | None = None,
    ) -> None:
        super().__init__(
            DatasetSource(dataset, x, label),
            pixels=pixels,
            flip=flip,
            standardize=standardize,
            held_out_fraction=held_out_fraction,
            split_seed=split_seed,
            sample_rows=sample_rows,
            num_classes=num_classes,
        )
