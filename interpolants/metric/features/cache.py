"""Files of features, made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from interpolants.utils.files import remove_leftovers, replace
from interpolants.utils.locks import SoleUser
from interpolants.utils.log import to_stderr
from interpolants.utils.plain import check_plain
from interpolants.utils.tensor_files import load_tensors


def cached(file: Path, make: Callable[[], Any], kind: Any) -> Any:
    """Content of a cache file, made and written if there is none or it is damaged.

    One process makes it; others that need the same file wait for that.

    Args:
        file: the cache file.
        make: computes the content, tensors and plain data.
        kind: type of the content, as of `interpolants.utils.plain.check_plain`.

    Returns:
        The content, with memory-mapped tensors, so that metrics and processes share them.
    """
    content = _read(file, kind)
    if isinstance(content, ValueError):
        lock = file.with_name(f".{file.name}.lock")
        with SoleUser(lock, f"features: expected the use of {file}", wait=True):
            remove_leftovers(file.parent, file.name)
            content = _read(file, kind)
            if isinstance(content, ValueError):
                if file.exists():
                    to_stderr(f"{file}: damaged, and made again ({content})")
                made = make()
                replace(file, lambda out: torch.save(made, out), sync=True)
                content = load_tensors(file, mmap=True)
    return content


def _read(file: Path, kind: Any) -> Any:
    """Content of a cache file, or the error that says why it cannot be used."""
    if not file.exists():
        return ValueError("no such file")
    try:
        content = load_tensors(file, mmap=True)
        check_plain("", content, kind)
    except ValueError as error:
        return error
    return content
