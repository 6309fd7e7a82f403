"""Saved models: a file of weights and a small record, in a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from interpolants.utils.checks import check
from interpolants.utils.describe import digest
from interpolants.utils.files import replace
from interpolants.utils.format import format_record

WEIGHTS, RECORD = "model.safetensors", "model.json"
"""Names of the two files in the folder of a saved model."""


def write_model(
    folder: str | Path, state: Mapping[str, Tensor], config: Mapping[str, Any]
) -> Path:
    """Write the weights of a model, and a record with its configuration and their hash.

    Each file is replaced atomically. A saved model in the folder is overwritten; a mixture of two,
    after a crash in between, is refused by the hash when it is loaded.

    Args:
        folder: a new or empty folder, or one with a saved model.
        state: `state_dict` of the model's `Trainable`.
        config: the configuration that the model is rebuilt from, as plain data.

    Returns:
        The folder.

    Raises:
        ValueError: if the folder holds anything else, or the configuration is not plain data.
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    _check_folder(folder)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    record = format_record() | {"digest": digest(tensors), "config": dict(config)}
    text = _json(record)
    replace(folder / WEIGHTS, lambda file: save_file(tensors, file.name), sync=True)
    replace(folder / RECORD, lambda file: file.write(text.encode()), sync=True)
    return folder


def _check_folder(folder: Path) -> None:
    where, fix = "save.folder", "choose another folder"
    check(not folder.is_file(), where, "a folder", f"the file {folder}", fix)
    found = {path.name for path in folder.iterdir()} if folder.exists() else set()
    others = sorted(found - {WEIGHTS, RECORD})
    rule = "a new or empty folder, or one with a saved model"
    check(not others, where, rule, f"{folder} with {', '.join(others[:3])}", fix)


def _json(record: Mapping[str, Any]) -> str:
    """Text of a record, which reads back as it is."""
    try:
        text = json.dumps(record, indent=1)
        same = json.loads(text) == record
    except (TypeError, ValueError):
        same = False
    fix = "a model from fit, load or a training run has one"
    check(same, "save", "a configuration of plain values", "another", fix)
    return text
