"""Reading checkpoints as data: tensors and plain values, never code."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from interpolants.checkpoint.format import check_format

KEYS = ("event_shape", "task", "data", "space", "fingerprint")
"""Keys of the configuration in every checkpoint."""
_EXPECTED = "expected a checkpoint written by interpolants"


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read the content of a checkpoint file, with all tensors on the CPU.

    Nothing in the file is run: only tensors, numbers, strings and containers of these are
    accepted, and torch formats older than the zip archive are refused unread.

    Args:
        path: a file written in training.

    Returns:
        The checkpoint, with `["state_dict"]` and the configuration,
        `["hyper_parameters"]["config"]`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is a folder, empty, truncated, would run code, or is from another
            program.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: {_EXPECTED}, got no such file")
    if path.is_dir():
        raise ValueError(f"{path}: {_EXPECTED}, got a folder; name a .ckpt file in it")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: {_EXPECTED}, got an empty file")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: {_EXPECTED}, got a truncated file or another format")
    content = _load(path)
    if not isinstance(content, dict) or not isinstance(content.get("state_dict"), dict):
        raise _foreign(path, "state_dict")
    config = _config(content)
    if config is None:
        raise _foreign(path, "config")
    check_keys(config, KEYS, path)
    check_format(content, path)
    return content


def check_keys(config: Mapping[str, Any], keys: Sequence[str], path: str | Path) -> None:
    """Require keys in the configuration of a checkpoint.

    Raises:
        ValueError: for the first that is not there.
    """
    for key in keys:
        if key not in config:
            raise _foreign(path, f"{key} in its config")


def _foreign(path: str | Path, lacking: str) -> ValueError:
    return ValueError(f"{path}: {_EXPECTED}, got a file of another program (no {lacking})")


def _config(content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    hyper_parameters = content.get("hyper_parameters")
    config = hyper_parameters.get("config") if isinstance(hyper_parameters, dict) else None
    return config if isinstance(config, dict) else None


def _load(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        rule = "got one with more than tensors and plain values; refused, nothing was run"
        raise ValueError(f"{path}: {_EXPECTED}, {rule}") from error
    except (RuntimeError, EOFError, KeyError, IndexError, ValueError, AttributeError) as error:
        raise ValueError(f"{path}: {_EXPECTED}, got a damaged file or another format") from error
