"""Rows that are read when they are asked for."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[Any]
Places = NDArray[np.int64]


class RowSource(abc.ABC):
    """Numbered rows outside of memory, such as those of a mapped file.

    Row i is the same whenever it is read, in any process: runs are resumed exactly because of it.
    Sources are pickled without open files.

    Attributes:
        where: setting that the rows come from, for error messages.
        place: description of the rows, for messages.
        columns: names of the numbers in a row, if they have some.
        classes: names of the classes 0, 1, ..., if they have some.
        first: whether the first axis of an image is that of its channels; found by its length if
            not.
    """

    where: str
    place: str
    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    first = False

    @abc.abstractmethod
    def __len__(self) -> int: ...

    @abc.abstractmethod
    def fetch(self, places: Places) -> tuple[Rows, Rows | None]:
        """Rows, (B, *event), and their labels, classes (B,) or vectors (B, C), or None.

        Args:
            places: numbers of the rows, (B,), in any order, each as often as wanted.

        Raises:
            ValueError: if a row cannot be read, naming it.
        """

    def labels(self, places: Places) -> Rows | None:
        """Labels of some rows; None without labels."""
        return self.fetch(places)[1]
