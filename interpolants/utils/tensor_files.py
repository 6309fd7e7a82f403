"""Files of `torch.save` that are read as data, and as they were written, or not at all."""

from __future__ import annotations

import pickletools
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, is_zipfile

import torch
from torch import Tensor

from interpolants.utils.checks import check
from interpolants.utils.plain import entry

# What a file of tensors and plain values names; functions among them only make tensors.
_NAMES = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_tensor_v[23]|torch\.Size"
    r"|torch \w+Storage|torch\.storage UntypedStorage|torch u?int\d+"
)
_OPCODES = {"STACK_GLOBAL", "INST", "OBJ", "EXT1", "EXT2", "EXT4"}
# Containers in containers; Python's own limit is a thousand.
_DEEPEST = 50
MOST_ENTRIES = 300_000
"""Most entries of a file, ten times those of a large network."""
_PLAIN = (bool, int, float, str, type(None))
# A subclass, such as defaultdict, is written by its own name, which is not read.
_MAPPINGS, _SEQUENCES = (dict, OrderedDict), (list, tuple)


def load_tensors(path: str | Path, *, mmap: bool = False) -> Any:
    """Load a file of tensors, plain values and containers of these; tensors on the CPU.

    Nothing in the file is run, every byte is compared with its checksum, which torch itself does
    not do, and no more memory is taken than the file has.

    Args:
        path: an existing file, written by `torch.save`.
        mmap: whether tensors stay in the file, and are read when they are used.

    Raises:
        ValueError: that says what is wrong with the file.
    """
    path = Path(path)
    if path.stat().st_size == 0:
        raise ValueError("an empty file")
    if not _is_archive(path):
        raise ValueError("a truncated file or another format")
    try:
        names = _checked_names(path)
        unknown = any(not _NAMES.fullmatch(name) for name in names)
        content = None if unknown else torch.load(path, "cpu", weights_only=True, mmap=mmap)
    # A damaged file may raise anything.
    except Exception as error:
        raise ValueError(f"a damaged file or another format ({_reason(error)})") from error
    if unknown:
        rule = "one with more than tensors and plain values; refused, nothing was run"
        raise ValueError(rule)
    check_content(content)
    return content


def check_finite_tensors(where: str, tensors: Mapping[str, Tensor]) -> None:
    """Require finite numbers in named tensors.

    Raises:
        ValueError: that names the first tensor with others.
    """
    for name, tensor in tensors.items():
        bad = int((~tensor.isfinite()).sum())
        got = f"{bad} of {tensor.numel()} that are not"
        check(bad == 0, entry(where, name), "finite numbers", got)


def _is_archive(path: Path) -> bool:
    try:
        return is_zipfile(path)
    except BadZipFile:  # an archive of several disks
        return False


def _reason(error: Exception) -> str:
    first = str(error).partition("\n")[0].partition(". ")[0]
    return first[:200] or type(error).__name__


def _checked_names(path: Path) -> set[str]:
    """Names of code in an archive of torch, after a check of all members."""
    with ZipFile(path) as archive:
        members = archive.infolist()
        if any(m.compress_type != ZIP_STORED or m.flag_bits & 1 for m in members):
            raise ValueError("a compressed or encrypted member")
        # Other programs see another archive where names are double or something lies around it.
        double = len({member.filename for member in members}) < len(members)
        around = archive.comment or min((m.header_offset for m in members), default=1) > 0
        size = sum(member.file_size for member in members)
        if double or around or size > path.stat().st_size:
            raise ValueError("members that overlap")
        damaged = archive.testzip()
        if damaged is not None:
            raise ValueError("a wrong checksum")
        (pickled,) = (m for m in members if m.filename.rpartition("/")[2] == "data.pkl")
        found = set()
        for opcode, argument, _ in pickletools.genops(archive.read(pickled)):
            if opcode.name == "GLOBAL":
                found.add(str(argument))
            elif opcode.name in _OPCODES:
                found.add(opcode.name)
    return found


def check_content(content: Any) -> None:
    """Require plain values, few enough and not too deep, and tensors with all of their numbers.

    Raises:
        ValueError: that says what else there is.
    """
    level, left = [content], MOST_ENTRIES
    for _ in range(_DEEPEST):
        parts = (part for value in level for part in _parts(value))
        level = list(islice(parts, left + 1))
        left -= len(level)
        if left < 0:
            raise ValueError(f"one of more than {MOST_ENTRIES} entries")
        if not level:
            return
    raise ValueError(f"one of containers more than {_DEEPEST} deep")


def _parts(value: Any) -> Iterator[Any]:
    """Entries of a container; nothing for what has none."""
    if isinstance(value, Tensor):
        plain = type(value) is Tensor and value.layout is torch.strided and not value.is_quantized
        if not (plain and value.device.type == "cpu"):
            raise ValueError("one of other tensors than plain ones")
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise ValueError("one of a tensor with more numbers than it has")
    elif type(value) in _MAPPINGS:
        yield from value
        yield from value.values()
    elif type(value) in _SEQUENCES:
        yield from value
    elif type(value) not in _PLAIN:
        raise ValueError(f"one of a {type(value).__name__}")
