"""Composition of a command's configuration from words, outside of Hydra's own start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from interpolants.cli.composed import check_composed


def compose(command: str, words: Sequence[str], folders: Sequence[Path]) -> Any:
    """Configuration that a command gets for some words, with Hydra's record as its key `hydra`.

    Nothing global changes.

    Args:
        command: train or sample.
        words: overrides, as on the command line.
        folders: of yaml files; the first has the command's own, the others are the user's.

    Raises:
        HydraException: if the words do not fit.
    """
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.utils import create_config_search_path
    from hydra.types import RunMode

    search_path = create_config_search_path(str(folders[0]))
    known = {element.path for element in search_path.get_path()}
    for folder in folders[1:]:
        path = f"file://{folder.resolve()}"
        if path not in known:
            search_path.append("user", path)
    loader = ConfigLoaderImpl(search_path)
    return loader.load_configuration(command, list(words), RunMode.RUN, from_shell=False)


@contextmanager
def recorded(full: Any) -> Iterator[Any]:
    """Context in which interpolations of Hydra's record find that of a configuration.

    Args:
        full: a configuration from `compose`; what Hydra recorded of this process besides stays.

    Yields:
        The configuration without the record, as a command gets it.
    """
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf, open_dict

    record: Any = HydraConfig.instance()
    before = record.cfg
    cfg = full.copy()
    if before is not None:
        choices, words = cfg.hydra.runtime.choices, cfg.hydra.overrides.task
        with open_dict(cfg):
            cfg.hydra = before.hydra
        OmegaConf.set_readonly(cfg.hydra, False)
        with open_dict(cfg):
            cfg.hydra.runtime.choices, cfg.hydra.overrides.task = choices, words
    record.set_config(cfg)
    with open_dict(cfg):
        del cfg["hydra"]
    try:
        yield cfg
    finally:
        record.cfg = before


def checked(cfg: Any, command: str, folders: Sequence[Path]) -> Any:
    """A configuration after `check_composed`, and the same resolved, as plain data."""
    from omegaconf import OmegaConf

    check_composed(cfg, command, folders)
    return OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
