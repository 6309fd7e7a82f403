"""Reading checkpoints as data: tensors and plain values, never code."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from interpolants.checkpoint.format import check_format

KEYS = ("event_shape", "task", "data", "space")
"""The keys of the configuration that every checkpoint has."""
_EXPECTED = "expected a checkpoint written by interpolants"


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint file, with every tensor on the CPU.

    Nothing in the file is run: only tensors, numbers, strings and containers of these are
    accepted, and formats older than the zip archive are refused unread.

    Args:
        path: a file written in training.

    Returns:
        The checkpoint: `["state_dict"]` is there, and `["hyper_parameters"]["config"]` the
        configuration.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is a folder, empty, truncated, asks to run code, or is another
            program's.
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
    """The first thing that a checkpoint of ours has and this content has not; else empty."""
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
        rule = "got one that asks for more than tensors and plain values; refused, nothing was run"
        raise ValueError(f"{path}: {_EXPECTED}, {rule}") from error
    except (RuntimeError, EOFError, KeyError, IndexError, ValueError, AttributeError) as error:
        raise ValueError(f"{path}: {_EXPECTED}, got a damaged file or another format") from error
