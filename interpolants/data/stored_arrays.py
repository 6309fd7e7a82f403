"""Arrays in files, opened without reading them."""

from __future__ import annotations

import importlib
import math
import mmap
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np
from numpy.lib.format import read_array_header_1_0, read_array_header_2_0, read_magic

from interpolants.utils.checks import check

SUFFIXES = (".npy", ".npz", ".h5", ".hdf5", ".zarr")
_LOCAL_HEADER = 30
_LARGE_ROW = 2**16


def open_arrays(owner: str, path: Path) -> Any:
    """Array of a .npy file or a .zarr folder, or mapping of the arrays in another by name.

    .npy files, and members of .npz archives that are not compressed, are mapped into memory.
    Entries of an array are read when they are asked for, by `array[rows]`.

    Args:
        owner: class of the argument `path`, for error messages.
        path: the file or folder.

    Raises:
        ValueError: if it is none, damaged, compressed (.npz), or a package is missing.
    """
    where, suffix = f"{owner}.path", path.suffix.lower()
    rule = f"a file or folder that ends in {', '.join(SUFFIXES)}"
    check(suffix in SUFFIXES, where, rule, str(path), "write one by interpolants.data.to_npy")
    fix = f"relative paths start at {Path.cwd()}"
    check(path.exists(), where, "an existing file or folder", str(path), fix)
    with readable(owner, path):
        if suffix == ".npy":
            return _mapped(path, 0, path.stat().st_size)
        if suffix == ".npz":
            return _members(path)
        if suffix == ".zarr":
            return _package(where, "zarr").open(str(path), mode="r")
        return _package(where, "h5py").File(path, "r")


def array_names(arrays: Mapping[str, Any]) -> list[str]:
    """Names of the arrays in a mapping, which may hold groups of others too."""
    return [name for name in arrays if hasattr(arrays[name], "dtype")]


@contextmanager
def readable(owner: str, path: Path) -> Iterator[None]:
    """Context in which any error names the file.

    Args:
        owner, path: as of `open_arrays`.

    Raises:
        ValueError: in the place of any other error.
    """
    try:
        yield
    # A damaged file may raise anything; the package's own rules are kept in their words.
    except Exception as error:
        if str(error).startswith(f"{owner}."):
            raise
        fix = "save plain numeric arrays; objects are never unpickled"
        check(False, f"{owner}.path", f"arrays of numbers in {path}", str(error), fix)


def _package(where: str, name: str) -> Any:
    """Optional package, imported."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        fix = "run pip install 'interpolants[arrays]'"
        check(False, where, f"the package {name}, to read this file", str(error), fix)


def _members(path: Path) -> dict[str, Any]:
    """Mapped members of an archive by name.

    Raises:
        ValueError: if one is compressed or encrypted.
    """
    found = {}
    with ZipFile(path) as archive, path.open("rb") as file:
        for member in archive.infolist():
            name = member.filename
            if member.compress_type != ZIP_STORED or member.flag_bits & 1:
                fix = (
                    "save with numpy.savez instead of savez_compressed, or read it with data=file"
                )
                raise ValueError(f"{name} is compressed or encrypted and cannot be mapped; {fix}")
            file.seek(member.header_offset)
            lengths = struct.unpack("<HH", file.read(_LOCAL_HEADER)[26:])
            start = member.header_offset + _LOCAL_HEADER + sum(lengths)
            found[name.removesuffix(".npy")] = _mapped(path, start, member.file_size)
    return found


def _mapped(path: Path, start: int, size: int) -> Any:
    """Map an array that is stored in a part of a file, in numpy's format.

    Raises:
        ValueError: if it is not as large as it says, or holds objects.
    """
    with path.open("rb") as file:
        file.seek(start)
        read = {(1, 0): read_array_header_1_0, (2, 0): read_array_header_2_0}
        shape, fortran, dtype = read[read_magic(file)](file)
        offset = file.tell()
        if dtype.hasobject:
            raise ValueError("it holds objects")
        found = offset - start + math.prod(shape) * dtype.itemsize
        if found != size:
            raise ValueError(f"an array of {size} bytes, not {found} as it says")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    # A random row would bring 128 KiB around it into memory.
    if hasattr(mmap, "MADV_RANDOM") and math.prod(shape[1:]) * dtype.itemsize < _LARGE_ROW:
        mapped.madvise(mmap.MADV_RANDOM)
    return np.ndarray(shape, dtype, mapped, offset, order="F" if fortran else "C")
