"""Reading saved models, as data: a record of plain values, and a safetensors file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from torch import Tensor

from interpolants.checkpoint.reading import KEYS, Config
from interpolants.model.saving import RECORD, WEIGHTS
from interpolants.utils.checks import check
from interpolants.utils.describe import digest
from interpolants.utils.format import check_format
from interpolants.utils.plain import check_plain
from interpolants.utils.tensor_files import MOST_ENTRIES, check_finite_tensors

_LARGEST = 2**24  # bytes of a record, a thousand times the usual


class _Record(TypedDict):
    digest: str
    config: Config


def read_saved_model(folder: Path) -> tuple[Mapping[str, Any], dict[str, Tensor]]:
    """Configuration and weights of a saved model, checked as those of a checkpoint.

    Nothing in the files is run, and the weights are compared with their hash in the record. The
    memory that is taken is that of the files, whose sizes their headers must agree with.

    Args:
        folder: the folder, which has a record.

    Raises:
        FileNotFoundError: if there are no weights beside it.
        ValueError: that says what is wrong with a file.
    """
    path = folder / RECORD
    try:
        record = _read_record(path)
        check_format(record, path)
        check_plain("", record, _Record)
        config: Mapping[str, Any] = record["config"]
        for key in KEYS:
            check(key in config, "config", f"an entry {key}", "none")
        weights = _read_weights(folder / WEIGHTS)
        check(digest(weights) == record["digest"], WEIGHTS, "the weights of this record", "others")
        check_finite_tensors("weights", weights)
    except ValueError as error:
        raise error if str(path) in str(error) else ValueError(f"{path}: {error}") from error
    return config, weights


def _read_record(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    check(size <= _LARGEST, "size", f"at most {_LARGEST} bytes", size)
    try:
        record = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"expected a record of a saved model, got another file ({error})"
        ) from None
    check(isinstance(record, dict), "record", "a dict", type(record).__name__)
    found: dict[str, Any] = record
    return found


def _read_weights(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected the weights of a saved model, got no such file")
    try:
        # The header's sizes must add up to that of the file, without overlaps or gaps.
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            few = len(names) <= MOST_ENTRIES
            check(few, WEIGHTS, f"at most {MOST_ENTRIES} tensors", len(names))
            return {name: file.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise ValueError(f"{WEIGHTS}: a damaged or another file ({error})") from None
