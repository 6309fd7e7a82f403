"""All numbers of the runs in a folder, and the differences between two such folders."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Numbers by name, in groups whose names are ours: which run, which kind of file, which of them.
Outcome = dict[str, dict[str, Tensor]]

# Times, which no two runs share, in names of columns and of values in reports.
_CLOCK = re.compile("second|speed|duration|elapsed")
# The request for samples in a report: asked for, not measured; its older name.
_ASKED = ("request", "seen")
# Parts of a checkpoint; others hold paths and counters of the trainer.
_WEIGHTS = ("state_dict", "ema", "optimizer_states")


def outcome(folder: Path) -> Outcome:
    """Weights, losses, reports and samples of the runs in the subfolders of `folder`.

    Files are told apart by kind and, within a run, by the order of their writing, as their names
    may change.
    """
    found: Outcome = {}
    for run in sorted(path for path in folder.iterdir() if path.is_dir()):
        for suffix, read in _READERS.items():
            files = sorted(run.rglob(f"*{suffix}"), key=lambda path: path.stat().st_mtime_ns)
            for i, file in enumerate(files):
                found[f"{run.name} {suffix} {i}"] = dict(read(file))
    return found


def count(found: Outcome) -> str:
    """The amount compared, such as "14 arrays, 32 numbers"."""
    sizes: Counter[bool] = Counter()
    for group, values in found.items():
        sizes[_is_text(group)] += len(values)
    return f"{sizes[False]} arrays, {sizes[True]} numbers"


def difference(old: Outcome, new: Outcome) -> str | None:
    """The first difference in bits, in words; None if there is none.

    Where the names of a file's values are not the same on both sides, its values are compared
    regardless of names and order.
    """
    if old.keys() != new.keys():
        return f"files: {_only(old, new)}"
    texts = {group: _group_difference(old[group], new[group]) for group in old}
    differing = [f"{group}: {text}" for group, text in texts.items() if text is not None]
    if not differing:
        return None
    return f"{differing[0]}; {len(differing)} of {len(old)} files differ"


def _group_difference(old: dict[str, Tensor], new: dict[str, Tensor]) -> str | None:
    if not old and not new:
        return "no numbers in it"
    common = [name for name in old if name in new]
    differing = [name for name in common if _bits(old[name]) != _bits(new[name])]
    if old.keys() == new.keys() and not differing:
        return None
    if old.keys() == new.keys():
        text = _pair_difference(old[differing[0]], new[differing[0]])
        return f"{differing[0]}: {text}; {len(differing)} of its {len(common)} values differ"
    sides = [Counter(_bits(value) for value in side.values()) for side in (old, new)]
    if sides[0] == sides[1]:
        return None
    less, more = (sides[0] - sides[1]).total(), (sides[1] - sides[0]).total()
    unmatched = f"{less} of {len(old)} values have no equal in the new, {more} of {len(new)}"
    return f"{unmatched} none in the old; names: {_only(old, new)}"


def _pair_difference(old: Tensor, new: Tensor) -> str:
    if old.shape != new.shape or old.dtype != new.dtype:
        return f"{old.dtype} {tuple(old.shape)} became {new.dtype} {tuple(new.shape)}"
    if old.ndim == 0:
        return f"{old.item()!r} became {new.item()!r}"
    largest = (new.double() - old.double()).abs().max().item()
    share = (old != new).double().mean().item()
    return f"{share:.0%} of the elements differ, by up to {largest:.3g}"


def _only(old: dict[str, Any], new: dict[str, Any]) -> str:
    sides = (("old", old.keys() - new.keys()), ("new", new.keys() - old.keys()))
    return ", ".join(
        f"{', '.join(sorted(names)[:3])} only in the {s}" for s, names in sides if names
    )


def _bits(value: Tensor) -> tuple[torch.dtype, torch.Size, bytes]:
    # A copy with strides of its own: those of a single element may be 0.
    flat = value.new_empty(value.numel()).copy_(value.detach().reshape(-1))
    return value.dtype, value.shape, flat.view(torch.uint8).numpy().tobytes()


def _is_text(group: str) -> bool:
    return ".csv" in group or ".json" in group


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested mappings and lists, by their paths."""
    if not isinstance(node, dict | list | tuple):
        yield path, node
        return
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield from _leaves(value, f"{path}/{key}" if path else str(key))


def _number(value: float | str) -> Tensor:
    return torch.tensor(float(value), dtype=torch.float64)


def _checkpoint(file: Path) -> Iterator[tuple[str, Tensor]]:
    state = torch.load(file, weights_only=True, map_location="cpu")
    kept = {key: state[key] for key in _WEIGHTS if key in state} or state
    return ((name, value) for name, value in _leaves(kept) if isinstance(value, Tensor))


def _table(file: Path) -> Iterator[tuple[str, Tensor]]:
    with file.open(newline="") as lines:
        for i, row in enumerate(csv.DictReader(lines)):
            for column, cell in row.items():
                if cell and not _CLOCK.search(column):
                    yield f"{column}[{i}]", _number(cell)


def _report(file: Path) -> Iterator[tuple[str, Tensor]]:
    for name, value in _leaves(json.loads(file.read_text())):
        is_measured = name.partition("/")[0] not in _ASKED and not _CLOCK.search(name)
        if isinstance(value, int | float) and is_measured:
            yield name, _number(value)


def _arrays(file: Path) -> Iterator[tuple[str, Tensor]]:
    with np.load(file) as archive:
        for name, value in archive.items():
            if value.dtype.kind in "biufc":
                yield name, torch.from_numpy(value)


_READERS: dict[str, Callable[[Path], Iterator[tuple[str, Tensor]]]] = {
    ".csv": _table,
    ".ckpt": _checkpoint,
    ".npz": _arrays,
    ".json": _report,
}
