"""Classes that Hydra may build."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any


def allowed_targets(cfg: Any) -> AbstractContextManager[Any]:
    """A context in which Hydra builds the classes that a configuration names.

    From version 1.4 on Hydra builds only what code has listed. The command line and the yaml
    files are the user's own and may name the user's own classes, so the list is what they name;
    targets such as `os.system` stay refused by Hydra itself. Checkpoints, which may come from
    others, are built by `interpolants.checkpoint.spec`, never by Hydra.

    Args:
        cfg: the composed configuration.
    """
    from hydra import utils
    from omegaconf import OmegaConf

    # Hydra 1.3 has no such list.
    whitelist = getattr(utils, "execution_whitelist", None)
    if whitelist is None:
        return nullcontext()
    allowed: AbstractContextManager[Any] = whitelist(
        sorted(set(targets(OmegaConf.to_container(cfg, resolve=True))))
    )
    return allowed


def targets(node: Any) -> Iterator[str]:
    """All `_target_`s in plain data, as often as they occur."""
    if isinstance(node, dict):
        if isinstance(node.get("_target_"), str):
            yield node["_target_"]
        for value in node.values():
            yield from targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from targets(value)
