"""Items of a data set of PyTorch's, read by their number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
from PIL import Image
from torch import Tensor
from torch.utils import data as torch_data

from interpolants.data.row_items import AUTO, as_array, parts_of, stacked
from interpolants.data.row_source import Places, Rows, RowSource
from interpolants.utils.checks import check


@final
class DatasetSource(RowSource):
    """Items of a map-style data set.

    Args:
        dataset: the data set, with `__len__` and `__getitem__`.
        x: key or number of the row in an item; "auto" as in `parts_of`.
        label: that of the label; None for no labels.
        where: setting that it comes from, for error messages.

    Raises:
        ValueError: if it is a stream, or its first item changes when it is read again.
    """

    def __init__(
        self,
        dataset: Any,
        x: str | int = AUTO,
        label: str | int | None = AUTO,
        where: str = "Dataset.dataset",
    ) -> None:
        self.where = where
        name = type(dataset).__name__
        target = f"{type(dataset).__module__}:{type(dataset).__qualname__}"
        command = f"python -m interpolants.data.to_npy {target} rows.npy"
        fix = f"write its rows once by `{command}`, then train with data=array data.path=rows.npy"
        is_map = hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")
        is_map = is_map and not isinstance(dataset, torch_data.IterableDataset)
        rule = "a map-style data set, whose items are read by their number"
        check(is_map, self.where, rule, f"the stream {name}", fix)
        self.place, self._dataset, self._x, self._label = name, dataset, x, label
        classes = getattr(dataset, "classes", None)
        if label is not None and isinstance(classes, Sequence) and not isinstance(classes, str):
            self.classes = tuple(map(str, classes))
        check(len(dataset) > 0, self.where, "at least one item", 0)
        self._check_repeats()
        item = parts_of("Dataset", dataset[0], x, label)[0]
        self.first = isinstance(item, (Tensor, Image.Image))

    def __len__(self) -> int:
        return len(self._dataset)

    def fetch(self, places: Places) -> tuple[Rows, Rows | None]:
        items = [self._item(k) for k in places.tolist()]
        x = stacked(self.where, places.tolist(), [row for row, _ in items])
        labels = [label for _, label in items if label is not None]
        rule = "a label in every item or in none"
        check(len(labels) in (0, len(items)), self.where, rule, len(labels))
        return x, stacked(self.where, places.tolist(), labels) if labels else None

    def _item(self, place: int) -> tuple[Rows, Rows | None]:
        try:
            item = self._dataset[place]
        # Foreign code may raise anything.
        except Exception as error:
            got = f"{type(error).__name__}: {error}"
            raise ValueError(f"{self.where}: expected item {place}, got {got}") from error
        x, label = parts_of("Dataset", item, self._x, self._label)
        row = np.atleast_1d(as_array(self.where, place, x))
        return row, None if label is None else as_array("Dataset.label", place, label)

    def _check_repeats(self) -> None:
        """Require that an item is the same when it is read again."""
        first, second = self._item(0)[0], self._item(0)[0]
        same = first.shape == second.shape and np.array_equal(first, second, equal_nan=True)
        fix = "leave random transforms out, since runs are resumed by reading items again"
        check(same, self.where, "the same item 0 whenever it is read", "others", fix)
