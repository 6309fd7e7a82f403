"""Output formats of samples and tables."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from interpolants.utils.checks import check

Table = Mapping[str, NDArray[Any]]
"""Columns of a table by name: numbers, whole numbers or text, (n,)."""


class Output(abc.ABC):
    """File format of samples."""

    def check(self, event_shape: Sequence[int]) -> None:
        """Raise a ValueError if samples of this shape cannot be written in this format."""
        return

    @abc.abstractmethod
    def write(
        self,
        x: Tensor,
        label: Tensor | None,
        folder: Path,
        stem: str,
        table: Callable[[], Table],
    ) -> list[Path]:
        """Write samples, replacing earlier ones; returns the files.

        Args:
            x: samples in raw units, (n, *event), on the host.
            label: labels of the samples, (n,) or (n, C), or None.
            folder: folder of the files, created if needed.
            stem: stem of the file names.
            table: makes the columns of the same samples and labels by name, if they are rows.
        """


class TableOutput(Output):
    """File format of tables, and of samples that are rows of one."""

    def check(self, event_shape: Sequence[int]) -> None:
        shape = tuple(event_shape)
        rule, fix = "samples that are rows of numbers", "use output=npz"
        check(len(shape) == 1, type(self).__name__, rule, f"samples of shape {shape}", fix)

    def write(
        self,
        x: Tensor,
        label: Tensor | None,
        folder: Path,
        stem: str,
        table: Callable[[], Table],
    ) -> list[Path]:
        self.check(x.shape[1:])
        return self.write_table(table(), folder, stem)

    @abc.abstractmethod
    def write_table(self, table: Table, folder: Path, stem: str) -> list[Path]:
        """Write a table, replacing an earlier one; returns the files.

        Args:
            table: columns of one length by name.
            folder: folder of the files, created if needed.
            stem: stem of the file names.
        """


def table_output(output: Output | None) -> TableOutput:
    """The format, required to be one of tables.

    Raises:
        ValueError: if it is another.
    """
    fix = "use output=csv or output=jsonl"
    fits = isinstance(output, TableOutput)
    check(fits, "output", "a format of tables", type(output).__name__, fix)
    assert isinstance(output, TableOutput)
    return output
