"""Reading of the batches of CIFAR-10, in the Python and the binary version."""

from __future__ import annotations

import io
import pickle
import pickletools
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from interpolants.data.images import LabelledImages
from interpolants.utils.checks import check

_Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]

_SHAPE = (3, 32, 32)
_PIXELS, _CLASSES = 3072, 10
# A batch has half of it.
_MOST_BYTES = 2**26
_TRAIN = tuple(f"data_batch_{k}" for k in range(1, 6))
_TEST = "test_batch"
# Places of the batches below a folder, and the suffix of their names there.
_FORMS = (
    ("", ""),
    ("", ".bin"),
    ("cifar-10-batches-py", ""),
    ("cifar-10-batches-bin", ".bin"),
    ("cifar-10-python.tar.gz", ""),
    ("cifar-10-binary.tar.gz", ".bin"),
)


def read_cifar10(owner: str, folder: Path) -> tuple[LabelledImages, LabelledImages] | str:
    """Read the training and test images from either version, unpacked or not.

    No code in the files is run: only the pickled objects that batches consist of are created.

    Args:
        owner: class of the argument `root`, for error messages.
        folder: folder of the batches, or of their folder or archive.

    Returns:
        Both, or an empty string if the folder has no batch.

    Raises:
        ValueError: if a batch is missing or damaged.
    """
    for place, suffix in _FORMS:
        names = [name + suffix for name in (*_TRAIN, _TEST)]
        found = dict(_contents(f"{owner}.root", folder / place, names))
        if not found:
            continue
        missing = [name for name in names if name not in found]
        check(not missing, f"{owner}.root", f"all batches in {folder / place}", f"no {missing}")
        # Contents are freed one by one: together the batches are large.
        parts = [_batch(f"{owner}.root", folder / place / name, found.pop(name)) for name in names]
        return _joined(parts[:-1]), _joined(parts[-1:])
    return ""


def _contents(where: str, place: Path, names: list[str]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the batches in a folder or an archive."""
    if place.is_dir():
        there = [place / name for name in names if (place / name).is_file()]
        yield from ((path.name, path.read_bytes()) for path in there)
    elif place.is_file():
        try:
            with tarfile.open(place, "r:gz") as archive:
                for member in archive:
                    name = Path(member.name).name
                    rule = f"files of at most {_MOST_BYTES} bytes in {place}"
                    check(member.size <= _MOST_BYTES, where, rule, member.size)
                    file = archive.extractfile(member) if name in names else None
                    if file is not None:
                        yield name, file.read()
        except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
            fix = "the file is damaged; get it anew"
            check(False, where, f"a complete archive in {place}", str(error), fix)
            raise


def _joined(parts: list[_Batch]) -> LabelledImages:
    x, label = (np.concatenate(part) for part in zip(*parts, strict=True))
    return LabelledImages(torch.from_numpy(x).view(-1, *_SHAPE), torch.from_numpy(label))


def _batch(where: str, path: Path, content: bytes) -> _Batch:
    """Images and labels of a batch."""
    if path.suffix == ".bin":
        size = 1 + _PIXELS
        rule = f"records of {size} bytes in {path}"
        check(len(content) > 0 and len(content) % size == 0, where, rule, len(content))
        records = np.frombuffer(content, dtype=np.uint8).reshape(-1, size)
        pixels, labels = records[:, 1:], records[:, 0].astype(np.int64)
    else:
        pixels, labels = _unpickled(where, path, content)
    good = len(labels) == len(pixels) and bool(((labels >= 0) & (labels < _CLASSES)).all())
    check(good, where, f"a label from 0 to 9 for each image of {path}", len(labels))
    return pixels, labels


def _unpickled(where: str, path: Path, content: bytes) -> _Batch:
    rule = f"a pickled batch of CIFAR-10 in {path}"
    try:
        _check_opcodes(content)
        batch = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        pixels = batch[b"data"].array()
        return pixels.reshape(-1, _PIXELS), np.asarray(batch[b"labels"], dtype=np.int64)
    # A damaged pickle may raise anything.
    except Exception as error:
        check(False, where, rule, f"{type(error).__name__}: {error}", "get the file anew")
        raise


def _check_opcodes(content: bytes) -> None:
    """Refuse what takes more memory than the pickle has, in Python's own unpickler too."""
    for opcode, argument, _ in pickletools.genops(content):
        place = argument if "PUT" in opcode.name and isinstance(argument, int) else 0
        if opcode.name == "BYTEARRAY8" or place > len(content):
            raise pickle.UnpicklingError(f"{opcode.name} {argument}")


class _Array:
    """Stand-in for an array of bytes while it is unpickled."""

    state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def array(self) -> NDArray[np.uint8]:
        """Array of unsigned bytes from the pickled state."""
        _, shape, dtype, by_columns, content = self.state
        if dtype.name not in (b"u1", b"|u1"):
            raise pickle.UnpicklingError(f"an array of {dtype.name!r}")
        return np.frombuffer(content, dtype=np.uint8).reshape(
            shape, order="F" if by_columns else "C"
        )


class _Kind:
    """Stand-in for a dtype."""

    def __init__(self, name: bytes, *_: object) -> None:
        self.name = name

    def __setstate__(self, _: object) -> None:
        pass


def _reconstruct(*_: object) -> _Array:
    return _Array()


class _Unpickler(pickle.Unpickler):
    """Unpickler that creates only plain values and the stand-ins of arrays."""

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
            ("numpy", "ndarray"): _Array,
            ("numpy", "dtype"): _Kind,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no batch does")
        return known[module, name]
