"""Reading checkpoints as data: tensors and plain values, never code."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from interpolants.checkpoint.format import check_format

KEYS = ("event_shape", "task", "data", "space")
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
    lacking = _lacking(content)
    if isinstance(content, dict) and not lacking:
        check_format(content, path)
    if lacking:
        raise ValueError(f"{path}: {_EXPECTED}, got a file of another program (no {lacking})")
    assert isinstance(content, dict)
    return content


def _lacking(content: object) -> str:
    """First missing part of a checkpoint, or empty."""
    if not isinstance(content, dict) or not isinstance(content.get("state_dict"), dict):
        return "state_dict"
    hyper_parameters = content.get("hyper_parameters")
    config = hyper_parameters.get("config") if isinstance(hyper_parameters, dict) else None
    if not isinstance(config, dict):
        return "config"
    return next((f"{key} in its config" for key in KEYS if key not in config), "")


def _load(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        rule = "got one with more than tensors and plain values; refused, nothing was run"
        raise ValueError(f"{path}: {_EXPECTED}, {rule}") from error
    except (RuntimeError, EOFError, KeyError, IndexError, ValueError, AttributeError) as error:
        raise ValueError(f"{path}: {_EXPECTED}, got a damaged file or another format") from error
