"""Reads yaml files of `conf/` as they are written, without composing them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def load_yaml(path: Path) -> dict[str, Any]:
    """A yaml with what it inherits from its siblings by plain names in its defaults list."""
    own = yaml.safe_load(path.read_text()) or {}
    merged: dict[str, Any] = {"defaults": []}
    for entry in own.get("defaults", []):
        if isinstance(entry, str) and entry != "_self_":
            inherited = load_yaml(path.parent / f"{entry}.yaml")
            merged |= inherited | {"defaults": merged["defaults"] + inherited["defaults"]}
        elif isinstance(entry, dict):
            merged["defaults"].append(entry)
    return merged | own | {"defaults": merged["defaults"]}
