"""The IDX file format of MNIST, a big-endian header followed by bytes."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from interpolants.data.file_sizes import check_size
from interpolants.utils.checks import check

# Third byte of the header: unsigned bytes follow.
_UINT8 = 8


def read_idx(owner: str, path: Path, dim: int) -> Tensor:
    """Read an array of bytes from a file, compressed if its name ends in .gz.

    Args:
        owner: class of the argument `root`, for error messages.
        path: an existing file.
        dim: expected number of axes.

    Returns:
        uint8, of the shape in the header.

    Raises:
        ValueError: if the header is not that of such an array, or has another size.
    """
    where, start = f"{owner}.root", 4 + 4 * dim
    fix = "the file is damaged; get it anew"
    try:
        with _opened(path) as file:
            header = file.read(start)
            rule = f"the IDX header of {dim} axes of bytes in {path}"
            known = len(header) == start and header[:4] == bytes([0, 0, _UINT8, dim])
            check(known, where, rule, header[:4].hex(" "))
            shape = tuple(int(n) for n in np.frombuffer(header, dtype=">u4", offset=4))
            size = math.prod(shape)
            if path.suffix == ".gz":
                check_size(where, path, size)
            else:
                held = path.stat().st_size - start
                check(held == size, where, f"{size} bytes in {path}", held, fix)
            # A bytearray is writable, which torch needs. One byte more shows that there are more.
            content = bytearray(file.read(size + 1))
            check(len(content) == size, where, f"{size} bytes in {path}", len(content), fix)
    except (OSError, EOFError, zlib.error) as error:
        check(False, where, f"a complete file in {path}", str(error), fix)
    pixels = np.frombuffer(content, dtype=np.uint8)
    return torch.from_numpy(pixels).view(shape)


def _opened(path: Path) -> IO[bytes]:
    file: Any = gzip.open(path) if path.suffix == ".gz" else path.open("rb")
    opened: IO[bytes] = file
    return opened
