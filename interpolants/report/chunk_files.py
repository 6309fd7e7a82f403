"""Files of chunks of samples, with a record of the settings that decided them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace as changed
from pathlib import Path
from typing import Any, final

import numpy as np
import torch

from interpolants.model.batching import joined_samples
from interpolants.sampler.samples import Samples
from interpolants.utils.checks import check
from interpolants.utils.files import replace
from interpolants.utils.shapes import flatten_event

Range = tuple[int, int]
"""Numbers of the first sample of a range, and of the one after its last."""


def missing_ranges(there: Iterable[Range], n: int, size: int) -> list[Range]:
    """Disjoint, increasing ranges of at most `size` that cover the missing samples below n.

    Args:
        there: existing ranges, which may overlap, and go beyond n.
        n, size: numbers > 0.
    """
    found: list[Range] = []
    at = 0
    for first, last in [*sorted(there), (n, n)]:
        stop = min(first, n)
        found += [(k, min(k + size, stop)) for k in range(at, stop, size)]
        at = max(at, last)
    return found


@final
class ChunkFiles:
    """Folder of files `<first>-<last>.npz`, each with samples `first` to `last` of one stream.

    Args:
        folder: folder of these files only; created with the first file.
        origin: settings that decide the samples, as plain data. A folder with a file of another
            origin is neither read nor written.
    """

    def __init__(self, folder: Path, origin: Mapping[str, Any]) -> None:
        self.folder = folder
        # In the form that is read back from a file, where tuples are lists.
        self.origin = json.loads(json.dumps(origin))

    def ranges(self) -> list[Range]:
        """Ranges of all files, by first number.

        Raises:
            ValueError: if a file has another origin, or cannot be read.
        """
        found = _files(self.folder)
        for path in found.values():
            self._check(path, _about(path)["origin"])
        return list(found)

    def write(self, first: int, samples: Samples) -> None:
        """Write samples from number `first` on."""
        arrays: dict[str, Any] = {"x": samples.x.cpu().numpy()}
        if samples.label is not None:
            arrays["label"] = samples.label.cpu().numpy()
        cost = {"nfe": samples.nfe, "seconds": samples.seconds}
        about = {"origin": self.origin, "may_leave_domain": samples.outside is not None, **cost}
        path = self.folder / f"{first:08}-{first + len(samples.x):08}.npz"
        text = np.array(json.dumps(about))
        replace(path, lambda file: np.savez(file, about=text, **arrays), sync=True)

    def read(self, n: int) -> Samples:
        """Read samples 0 to n, on the host; `seconds` is the sum over files.

        Raises:
            ValueError: if one is missing, or as `ranges`.
        """
        self.ranges()
        parts, at = [], 0
        for (first, last), path in _files(self.folder).items():
            if first <= at < min(last, n):
                parts.append(_samples(path, slice(at - first, n - first)))
                at = last
        fix = "start the same command again, with one folder for all processes"
        check(at >= n, str(self.folder), f"samples 0 to {n}", f"none of number {at}", fix)
        label = None if parts[0].label is None else torch.cat([p.label for p in parts])  # type: ignore[misc]
        return changed(joined_samples(parts), label=label)

    def clear(self, n: int) -> None:
        """Delete the files of samples 0 to n, and the folder if it is empty then."""
        for (first, _), path in _files(self.folder).items():
            if first < n:
                path.unlink()
        # Temporary files of killed processes.
        for path in self.folder.glob(".*.npz.*"):
            path.unlink()
        with suppress(OSError):
            self.folder.rmdir()

    def _check(self, path: Path, origin: Mapping[str, Any]) -> None:
        there, here = dict(_flat(origin)), dict(_flat(self.origin))
        for key in {**there, **here}:
            same = there.get(key) == here.get(key)
            rule = f"{there.get(key)!r} as in {path}, of a job that has not finished"
            fix = f"go on with that job, choose another stem or out, or delete {self.folder}"
            check(same, key, rule, here.get(key), fix)


def _files(folder: Path) -> dict[Range, Path]:
    """Files by range, in order."""
    found = {}
    for path in folder.glob("[0-9]*-[0-9]*.npz"):
        first, _, last = path.stem.partition("-")
        found[int(first), int(last)] = path
    return dict(sorted(found.items()))


def _about(path: Path) -> dict[str, Any]:
    with _opened(path) as content:
        about: dict[str, Any] = json.loads(str(content["about"]))
    return about


def _samples(path: Path, rows: slice) -> Samples:
    about = _about(path)
    with _opened(path) as content:
        x = torch.from_numpy(content["x"][rows])
        label = torch.from_numpy(content["label"][rows]) if "label" in content else None
    gone = int((~flatten_event(x).isfinite()).any(dim=1).sum())
    outside = gone if about["may_leave_domain"] else None
    return Samples(x=x, nfe=about["nfe"], seconds=about["seconds"], outside=outside, label=label)


@contextmanager
def _opened(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with np.load(path) as content:
            yield content
    except (KeyError, EOFError, ValueError, zipfile.BadZipFile) as error:
        rule, fix = "a file of samples", "delete it, and its samples are drawn again"
        raise ValueError(f"{path}: expected {rule}, got {type(error).__name__}; {fix}") from error


def _flat(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Iterator over the dotted paths and values of nested plain data."""
    if not isinstance(node, Mapping):
        yield prefix, node
        return
    for key, value in node.items():
        yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))
