"""Parts of a configuration that a model is rebuilt from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interpolants.checkpoint import spec


def check_saved(plain: dict[str, Any], kinds: Mapping[str, Any]) -> None:
    """Require before training that all parts can be rebuilt from a checkpoint."""
    for key, kind in kinds.items():
        if plain[key] != {}:
            spec.check_spec(plain[key], kind, where=key, trust=modules_named(plain))


def modules_named(node: Any) -> list[str]:
    """Modules outside this package in a run's configuration."""
    if isinstance(node, dict):
        module = str(node.get("_target_", "")).rpartition(".")[0]
        foreign = [module] if module and module.partition(".")[0] != "interpolants" else []
        return foreign + modules_named(list(node.values()))
    return [m for item in node for m in modules_named(item)] if isinstance(node, list) else []
