"""Descriptions of objects as plain data, to compare them by."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def describe(value: Any) -> Any:
    """Describe an object by numbers, strings, lists and dicts, equal for objects that act alike.

    Dataclasses and partial calls become their class with their arguments, as in a configuration;
    tensors and networks become a digest of their values.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Tensor):
        return digest({"": value})
    if isinstance(value, Mapping):
        return {str(key): describe(part) for key, part in value.items()}
    if isinstance(value, Sequence):
        return [describe(part) for part in value]
    if isinstance(value, functools.partial):
        positional = {str(k): describe(part) for k, part in enumerate(value.args)}
        return describe(value.func) | positional | describe(value.keywords)
    if isinstance(value, nn.Module):
        return _name(type(value)) | {"weights": digest(value.state_dict())}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        return _name(type(value)) | describe(fields)
    if callable(value) and hasattr(value, "__qualname__"):
        return _name(value)
    return _name(type(value)) | describe(getattr(value, "__dict__", {}))


def digest(tensors: Mapping[str, Any], text: str = "") -> str:
    """Short hash of named tensors and of a text."""
    found = hashlib.blake2b(text.encode(), digest_size=8)
    for name, tensor in sorted(tensors.items()):
        if isinstance(tensor, Tensor):
            found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            values = tensor.detach().cpu().reshape(-1).view(torch.uint8)
            found.update(values.numpy().tobytes())
    return found.hexdigest()


def _name(value: Any) -> dict[str, Any]:
    return {"_target_": f"{value.__module__}.{value.__qualname__}"}
