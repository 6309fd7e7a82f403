"""Streams written to .npy files.

    python -m interpolants.data.to_npy package.module:Name rows.npy
    interpolants train data=array data.path=rows.npy data.label=rows_label.npy

The name is that of a class or function. What it returns is iterated, and gives rows, (row, label),
or dicts of them. The rows are written one after another, one in memory at a time; labels go to a
second file beside the first.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.format import dtype_to_descr, write_array_header_1_0

from interpolants.data.row_items import AUTO, as_array, parts_of
from interpolants.data.row_source import Rows
from interpolants.utils.checks import check


def write_npy(
    rows: Iterable[Any],
    path: Path,
    *,
    x: str | int = AUTO,
    label: str | int | None = AUTO,
    most: int | None = None,
) -> list[Path]:
    """Write the rows of a stream to a .npy file, and labels to another beside it.

    Args:
        rows: items as those of `interpolants.data.dataset.Dataset`.
        path: the file; it must not exist.
        x, label: parts of an item, as there.
        most: number of rows to write; all if None.

    Returns:
        The files written. They appear when all rows are written.

    Raises:
        ValueError: if there is such a file, no row, or a row of another shape.
    """
    check(path.suffix == ".npy", "to_npy.path", "a name that ends in .npy", str(path))
    paths = [path, path.with_name(f"{path.stem}_label.npy")]
    for each in paths:
        check(not each.exists(), "to_npy.path", "a new file", str(each), "choose another name")
    parts = [each.with_name(f"{each.name}.part") for each in paths]
    try:
        with ExitStack() as stack:
            files = [_Growing(stack.enter_context(part.open("wb"))) for part in parts]
            for k, item in enumerate(islice(rows, most)):
                for file, value in zip(files, parts_of("to_npy", item, x, label), strict=True):
                    if value is not None:
                        file.add(k, as_array("to_npy.rows", k, value))
            check(files[0].count > 0, "to_npy.rows", "at least one row", 0)
            same = files[1].count in (0, files[0].count)
            rule = f"a label for each of {files[0].count} rows, or none"
            check(same, "to_npy.rows", rule, files[1].count)
            for file in files:
                file.finish()
        written = paths[: 1 + bool(files[1].count)]
        for part, each in zip(parts, written, strict=False):
            os.replace(part, each)
        return written
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


class _Growing:
    """A .npy file whose number of rows is known at the end: its header leaves room for it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.count = file, 0
        self._like: Rows | None = None

    def add(self, place: int, row: Rows) -> None:
        """Append a row."""
        if self._like is None:
            self._like = row
            self._header()
        like = self._like
        fits = row.shape == like.shape and np.can_cast(row.dtype, like.dtype, "same_kind")
        rule = f"rows of shape {like.shape} and of {like.dtype}, as the first"
        check(fits, "to_npy.rows", rule, f"{row.shape} and {row.dtype} in row {place}")
        self._file.write(np.ascontiguousarray(row, like.dtype).tobytes())
        self.count += 1

    def finish(self) -> None:
        """Write the number of rows."""
        if self._like is not None:
            self._file.seek(0)
            self._header()

    def _header(self) -> None:
        assert self._like is not None
        shape = (self.count, *self._like.shape)
        descr = dtype_to_descr(self._like.dtype)
        content = {"descr": descr, "fortran_order": False, "shape": shape}
        write_array_header_1_0(self._file, content)


def main(arguments: list[str] | None = None) -> None:
    """Write a stream that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m interpolants.data.to_npy")
    parser.add_argument("name", help="package.module:Name of a class or function that gives rows")
    parser.add_argument("path", type=Path, help="the .npy file to write")
    parser.add_argument("--arguments", type=json.loads, default={}, help="its arguments, as json")
    parser.add_argument("--rows", type=int, help="largest number of rows")
    given = parser.parse_args(arguments)
    module, _, name = given.name.partition(":")
    sys.path.insert(0, os.getcwd())
    try:
        rows = getattr(importlib.import_module(module), name)(**given.arguments)
        written = write_npy(rows, given.path, most=given.rows)
    except (ValueError, ImportError, AttributeError, TypeError) as error:
        sys.exit(f"error: {error}")
    label = f" data.label={written[1].name}" if len(written) > 1 else ""
    print(f"interpolants train data=array data.path={written[0]}{label}")


if __name__ == "__main__":
    main()
