"""Fingerprints of data, by which a run finds out that it would continue with others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

MOST_BYTES, MOST_FILES = 2**26, 64
"""Content of larger data is compared by a sample: evenly spread rows of this size, or files."""

_CONTENT = "content of "
_SHOWN = 60


def spread_rows(count: int, most: int) -> Tensor:
    """Indices of all of `count` rows, or of `most` evenly spread ones, int64."""
    return torch.linspace(0, count - 1, min(count, max(1, most)), dtype=torch.float64).long()


def content(name: str) -> str:
    """Key of the hash of a part of the data in its fingerprint."""
    return f"{_CONTENT}{name}"


def data_differences(
    expected: Mapping[str, Mapping[str, Any]], found: Mapping[str, Mapping[str, Any]]
) -> str:
    """Differences between two records of fingerprints by setting; empty if there are none."""
    return ", ".join(_differences(expected, found))


def _differences(
    expected: Mapping[str, Mapping[str, Any]], found: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    for setting in {**expected, **found}:
        old, new = expected.get(setting, {}), found.get(setting, {})
        place = "" if setting == "data" else f" of {setting}"
        for key in {**old, **new}:
            if old.get(key) == new.get(key):
                continue
            if key.startswith(_CONTENT):
                yield f"another {key}{place}"
            else:
                yield f"{key}{place} {_short(new.get(key))} for {_short(old.get(key))}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
