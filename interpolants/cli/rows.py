"""Settings of the commands on rows of a file."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from interpolants.cli.arguments import arguments
from interpolants.cli.trained import Trained


def row_file(cfg: Any) -> Any:
    """The file of `data`, whose settings are checked before torch is imported.

    Raises:
        ValueError: if a setting is missing, or its value of another kind.
    """
    from omegaconf import OmegaConf

    plain: Any = OmegaConf.to_container(cfg.data, resolve=True, throw_on_missing=True)
    takes = arguments("interpolants.data.row_file.RowFile")
    assert takes is not None
    for key, value in plain.items():
        takes.kinds[key].check(f"data.{key}", value)

    from interpolants.data.row_file import RowFile

    return RowFile(**plain)


def row_settings(cfg: Any, folder: str, model: Trained, decide: Collection[str] = ()) -> Any:
    """Settings of the files that a command on rows writes.

    Args:
        cfg: the configuration.
        folder: default folder below that of the run.
        model: the model.
        decide: settings that decide the content, beside those that decide samples.
    """
    from hydra.core.hydra_config import HydraConfig
    from hydra.utils import instantiate

    from interpolants.cli.stem import stem_of
    from interpolants.data.compressed import inner_stem
    from interpolants.report.settings import ReportSettings

    hydra = HydraConfig.get()
    parts = inner_stem(Path(cfg.data.path)), cfg.data.key, hydra.runtime.choices["sampler"]
    name = "_".join(filter(None, parts))
    return ReportSettings(
        folder=model.folder(cfg.out, folder),
        stem=stem_of(name, hydra.overrides.task, decide) if cfg.stem is None else cfg.stem,
        output=instantiate(cfg.output, _convert_="all"),
        notes=[model.used],
    )


def alone(cfg: Any) -> str:
    """The device of a command that is no job of several processes.

    Raises:
        ValueError: if it is one.
    """
    from interpolants.utils.checks import check
    from interpolants.utils.ranks import Ranks

    ranks = Ranks.of_environment()
    check(ranks.world_size == 1, "torchrun", "one process for this command", ranks.world_size)
    return str(ranks.device(cfg.device))
