"""Arrays in files, and rows of numbers."""

from __future__ import annotations

import math
from pathlib import Path
from zipfile import ZipFile, is_zipfile

import numpy as np
import torch
from numpy.lib.format import read_array_header_1_0, read_array_header_2_0, read_magic
from numpy.typing import NDArray
from torch import Tensor

from interpolants.data.file_sizes import check_size
from interpolants.data.standardize import as_precise, check_finite_rows
from interpolants.utils.checks import check

Array = NDArray[np.generic]


def read_array(
    owner: str, path: Path, key: str | None, label: str | None
) -> tuple[Array, Array | None]:
    """Read a .npy file, or one or two arrays of a .npz archive.

    Args:
        owner: class of the arguments, for error messages.
        path: the file; pickled objects are never read.
        key: array of rows in an archive; if None, the only one beside the label.
        label: array of labels in an archive, or None.

    Returns:
        The rows and the labels, as stored.

    Raises:
        ValueError: if the file is damaged or holds objects, or an array is not in it.
    """
    loaded = load_arrays(owner, path)
    if isinstance(loaded, np.ndarray):
        check(key is None, f"{owner}.key", "null for a .npy file", key)
        fix = "save a .npz archive"
        check(label is None, f"{owner}.label", "null for a .npy file", label, fix)
        return loaded, None
    labels = None if label is None else _array(f"{owner}.label", label, loaded)
    others = [name for name in loaded if name != label]
    if key is None:
        rule = f"one of {', '.join(others)}, the arrays in {path}"
        check(len(others) == 1, f"{owner}.key", rule, key)
        key = others[0]
    return _array(f"{owner}.key", key, loaded), labels


def load_arrays(owner: str, path: Path) -> Array | dict[str, Array]:
    """Load the array of a .npy file, or the arrays of a .npz archive by name.

    Args:
        owner: class of the argument `path`, for error messages.
        path: the file.

    Raises:
        ValueError: if the file is damaged, holds objects, or holds far more than its size.
    """
    where = f"{owner}.path"
    try:
        if is_zipfile(path):
            check_size(where, path, _archive_size(path))
            with np.load(path, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        # Mapping compares the size in the header with that of the file.
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False))
    # A damaged file may raise anything; the rules above are kept in their own words.
    except Exception as error:
        if str(error).startswith(f"{where}: "):
            raise
        fix = "save plain numeric arrays; objects are never unpickled"
        check(False, where, f"arrays of numbers in {path}", str(error), fix)
        raise


def _archive_size(path: Path) -> int:
    """Bytes of all arrays in an archive, after a check that they are as large as they say.

    Raises:
        ValueError: if one is not, or is encrypted.
    """
    with ZipFile(path) as archive:
        for member in archive.infolist():
            if member.flag_bits & 1:
                raise ValueError(f"the array {member.filename} is encrypted")
            with archive.open(member) as file:
                read = {(1, 0): read_array_header_1_0, (2, 0): read_array_header_2_0}
                shape, _, dtype = read[read_magic(file)](file)
                size = file.tell() + math.prod(shape) * dtype.itemsize
            if size != member.file_size and not dtype.hasobject:
                text = f"{member.filename} has {member.file_size} bytes, not {size} as it says"
                raise ValueError(text)
        return sum(member.file_size for member in archive.infolist())


def as_rows(owner: str, values: Array, place: str) -> Tensor:
    """Convert to finite rows (N, *event); a flat array has rows of one number.

    They are float32, or float64 where that is needed to distinguish rows, see `as_precise`.

    Args:
        owner: class of the argument `path`, for error messages.
        values: an array of any dtype.
        place: description of the source of the values, for error messages.

    Raises:
        ValueError: if the values are not finite real numbers in at least two rows, or whole
            numbers that float64 cannot distinguish.
    """
    rows = number_rows(owner, values, place)
    check(len(rows) >= 2, f"{owner}.path", f"at least 2 rows in {place}", len(rows))
    return as_precise(rows)


def number_rows(owner: str, values: Array, place: str) -> Tensor:
    """Convert to finite rows (N, *event), N > 0, in float32 if it holds the dtype, or float64.

    Args:
        owner, values, place: as of `as_rows`.

    Raises:
        ValueError: as of `as_rows`, but for the number of rows.
    """
    where = f"{owner}.path"
    is_numeric = np.issubdtype(values.dtype, np.number) or values.dtype == np.bool_
    is_real = is_numeric and not np.issubdtype(values.dtype, np.complexfloating)
    check(is_real, where, f"real numbers in {place}", str(values.dtype))
    check(values.ndim >= 1, where, f"rows in {place}", "a single number")
    check(len(values) > 0, where, f"rows in {place}", 0)
    exact = np.can_cast(values.dtype, np.float32)
    rows = torch.from_numpy(np.ascontiguousarray(values, np.float32 if exact else np.float64))
    rows = rows.unsqueeze(1) if rows.dim() == 1 else rows
    check(rows[0].numel() > 0, where, f"at least one number in a row of {place}", 0)
    check_finite_rows(where, rows)
    _check_whole(where, values, place)
    return rows


def _check_whole(where: str, values: Array, place: str) -> None:
    """Require of whole numbers above 2^53 that float64 keeps the differences of a column."""
    if values.dtype.kind not in "iu" or not np.abs(values.astype(np.float64)).max() > 2.0**53:
        return
    least = values.min(axis=0)
    rounded = values.astype(np.float64) - least.astype(np.float64)
    exact = (values - least).astype(np.float64)
    bad = np.abs(rounded - exact).max(axis=0) > 1e-3 * exact.std(axis=0)
    first = int(np.argmax(bad))
    rule = f"differences in every column of {place} that float64 can hold"
    fix = "subtract a constant from it"
    check(not bad.any(), where, rule, f"column {first}, counted from 0", fix)


def _array(where: str, name: str, arrays: dict[str, Array]) -> Array:
    check(name in arrays, where, f"one of the arrays {', '.join(arrays)}", name)
    return arrays[name]
