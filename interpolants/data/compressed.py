"""Compressed files, opened as the bytes that they hold."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, final
from zipfile import BadZipFile, ZipFile

from interpolants.data.file_sizes import check_size
from interpolants.data.packages import need_arrow
from interpolants.utils.checks import check

_OPENERS: Mapping[str, Any] = MappingProxyType(
    {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
)
COMPRESSED = (*_OPENERS, ".zip", ".zst")
"""Suffixes of compressed files that can be opened."""

DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, BadZipFile)
"""Errors of files that cannot be read or decompressed."""


def inner_suffix(path: Path) -> str:
    """Suffix of a file in lower case, without that of its compression."""
    return _inner(path).suffix.lower()


def inner_stem(path: Path) -> str:
    """Name of a file without its suffix and that of its compression."""
    return _inner(path).stem


def _inner(path: Path) -> Path:
    return path.with_suffix("") if path.suffix.lower() in COMPRESSED else path


@contextmanager
def opened(where: str, path: Path) -> Iterator[IO[bytes]]:
    """Context of the content of a file, compressed or not, read in order.

    Args:
        where: `Class.argument` of the path, for error messages.
        path: a file; with a suffix of `COMPRESSED` it is decompressed while it is read, up to the
            size that `check_size` allows.

    Raises:
        ValueError: if an archive does not hold exactly one file, a file holds far more than its
            size, or the package that a compression needs is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in COMPRESSED:
        with path.open("rb") as file:
            yield file
    elif suffix == ".zip":
        with ZipFile(path) as archive, archive.open(_only_member(where, archive, path)) as file:
            yield _bounded(where, path, file)
    elif suffix == ".zst":
        arrow = need_arrow(where)
        with arrow.input_stream(str(path), compression="zstd") as file:
            yield _bounded(where, path, file)
    else:
        with _OPENERS[suffix](path) as file:
            yield _bounded(where, path, file)


def _only_member(where: str, archive: ZipFile, path: Path) -> str:
    """Name of the only file of an archive, without the folders that a Mac adds."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    members = [member for member in members if not member.filename.startswith("__MACOSX/")]
    names = [member.filename for member in members]
    check(len(names) == 1, where, f"one file in {path}", names[:5], "unpack it, and name the file")
    plain = not members[0].flag_bits & 1
    check(plain, where, f"a file without a password in {path}", names[0], "unpack it")
    return names[0]


def _bounded(where: str, path: Path, file: Any) -> IO[bytes]:
    return io.BufferedReader(_Bounded(where, path, file), 2**20)


@final
class _Bounded(io.RawIOBase):
    """Reader that refuses a file which holds far more than its size."""

    def __init__(self, where: str, path: Path, file: Any) -> None:
        self._where, self._path, self._file, self._read = where, path, file, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._file.read(len(buffer))
        self._read += len(content)
        check_size(self._where, self._path, self._read)
        buffer[: len(content)] = content
        return len(content)
