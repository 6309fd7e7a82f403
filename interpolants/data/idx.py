"""The IDX file format of MNIST, a big-endian header followed by bytes."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
    content = _content(where, path)
    header = content[:start].tobytes()
    rule = f"the IDX header of {dim} axes of bytes in {path}"
    known = len(header) == start and header[:4] == bytes([0, 0, _UINT8, dim])
    check(known, where, rule, header[:4].hex(" "))
    shape = tuple(int(n) for n in np.frombuffer(header, dtype=">u4", offset=4))
    size = math.prod(shape)
    fix = "the file is damaged; get it anew"
    check(
        len(content) - start == size, where, f"{size} bytes in {path}", len(content) - start, fix
    )
    return torch.from_numpy(content[start:]).view(shape)


def _content(where: str, path: Path) -> NDArray[np.uint8]:
    if path.suffix != ".gz":
        return np.fromfile(path, dtype=np.uint8)
    try:
        # A bytearray is writable, which torch needs.
        return np.frombuffer(bytearray(gzip.decompress(path.read_bytes())), dtype=np.uint8)
    except (OSError, EOFError, zlib.error) as error:
        fix = "the file is damaged; get it anew"
        check(False, where, f"a complete gzip file in {path}", str(error), fix)
        raise
