"""Results on reference samples that are computed once and kept with a run."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import final

import numpy as np
import torch
from torch import Tensor

from interpolants.metric.base import Keep, Metric, References
from interpolants.utils.describe import digest
from interpolants.utils.files import replace

KEPT = "references.npz"
"""Name of the file in a run's folder."""

# Larger results are kept in memory only; sets of references that the file has results for.
_MOST_BYTES, _MOST_SETS = 2**20, 32


@final
class Kept:
    """Store of results that depend on a metric and its references alone, such as floors.

    Results are found by a hash of both, so that other data, sizes or settings are computed anew.
    A file that cannot be read or written is ignored: it only saves time.

    Args:
        file: .npz file that results are read from and written to; only in memory if None.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.file = file
        self._found = _read(file)
        self._new = False

    def of(self, metric: Metric, references: References) -> Keep:
        """Function that keeps results of a metric on some references."""
        tensors = {
            f"{k}.{end}": part
            for k, pair in enumerate(references.pairs)
            for end, part in zip(("real", "fresh"), pair, strict=True)
        }
        key = digest(tensors | {"of_label": references.of_label}, metric.settings)

        def keep(name: str, compute: Callable[[], Tensor]) -> Tensor:
            own = self._found.setdefault(key, {})
            if name not in own:
                own[name] = compute()
                self._new = self._new or own[name].nbytes <= _MOST_BYTES
            return own[name]

        return keep

    def save(self) -> None:
        """Write the file, if there are new results."""
        if self.file is None or not self._new:
            return
        arrays = {
            f"{key}/{name}": value.cpu().numpy()
            for key in list(self._found)[-_MOST_SETS:]
            for name, value in self._found[key].items()
            if value.nbytes <= _MOST_BYTES
        }
        with suppress(OSError):
            replace(self.file, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]
        self._new = False


def _read(file: Path | None) -> dict[str, dict[str, Tensor]]:
    found: dict[str, dict[str, Tensor]] = {}
    if file is None or not file.is_file():
        return found
    with suppress(OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        with np.load(file) as content:
            arrays = {name: torch.from_numpy(content[name]) for name in content.files}
        for name, value in arrays.items():
            key, _, part = name.partition("/")
            found.setdefault(key, {})[part] = value
    return found
