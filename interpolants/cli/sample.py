"""Sample a trained model: `interpolants sample [ckpt=...] [n=...] [sampler=sde|...]`.

`torchrun --nproc-per-node=2 -m interpolants sample ...` shares the work between processes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from interpolants.cli.trained import Trained


def main(cfg: Any) -> float:
    """Draw samples, measure them beside their floors, write files; returns the first metric."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.utils import instantiate

    from interpolants.cli.stem import stem_of
    from interpolants.cli.trained import trained
    from interpolants.report.writer import sole_writer
    from interpolants.utils.log import to_stderr

    request, ranks, hydra = _request(cfg), _ranks(cfg.patience), HydraConfig.get()
    found = trained(cfg, ranks.device(cfg.device), data=True)
    model, stem = found.model, cfg.stem
    if stem is None:
        name = found.task.stem(hydra.runtime.choices["sampler"])
        stem = stem_of(name, hydra.overrides.task)
    data, note = _data(cfg, model, found.ckpt)
    metrics = [instantiate(node, _convert_="all") for node in cfg.metric.values()]
    notes = [*filter(None, [note, _other_sampler(cfg, model.config, hydra.overrides.task)])]
    settings = _settings(cfg, found, stem, notes)
    with sole_writer(settings.folder, stem) if ranks.rank == 0 else nullcontext():
        report = found.task.report(model, data, metrics, request, settings, ranks, to_stderr)
    if report is None:
        return float("nan")
    print(found.used)
    print(report.table())
    return report.metrics[0].value if report.metrics else float("nan")


def _ranks(patience: float | None) -> Any:
    """This process among those of `torchrun`, which share one job, not a sweep."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from interpolants.utils.checks import check, check_positive
    from interpolants.utils.ranks import Ranks

    if patience is not None:
        check_positive("patience", patience)
    ranks = Ranks.of_environment()._replace(patience=patience)
    alone = ranks.world_size == 1 or HydraConfig.get().mode != RunMode.MULTIRUN
    check(alone, "torchrun", "one job", "-m", "start torchrun for each job")
    return ranks


def _request(cfg: Any) -> Any:
    """The samples that the configuration asks for."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    from interpolants.model.request import SampleRequest

    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    guidance = cfg.get("guidance")
    return SampleRequest(
        n=cfg.n,
        seed=cfg.seed,
        label=plain["label"],
        guidance=instantiate(guidance, _convert_="all") if guidance else None,
        sampler=instantiate(cfg.sampler, _convert_="all"),
        num_steps=cfg.num_steps,
        chunk_size=cfg.chunk_size,
        context_length=cfg.context_length,
    )


def _data(cfg: Any, model: Any, ckpt: Path) -> tuple[Any, str]:
    """The data to compare with, or None where they cannot be read and none are asked for.

    Also a line for the report, if they are not those of training.
    """
    from interpolants.checkpoint.data_of import data_of
    from interpolants.checkpoint.same_data import data_note

    try:
        data = data_of(model.config, ckpt, cfg.data, list(cfg.trust))
    except (ValueError, OSError) as error:
        moved = any(part is not None for part in cfg.data.values())
        if cfg.metric or cfg.get("likelihood") or moved:
            fix = "data.path=... says where they are now, and metric=[] samples without them"
            raise ValueError(f"{error}; {fix}") from error
        return None, f"without the data of training: {error}"
    return data, data_note(model.config, data.fingerprint())


def _other_sampler(cfg: Any, trained: Mapping[str, Any], words: Sequence[str]) -> str:
    """A line for the report, if nobody chose the sampler, and the run has another one."""
    from omegaconf import OmegaConf

    own, used = trained.get("sampler"), OmegaConf.to_container(cfg.sampler, resolve=True)
    if own in (None, used) or any(re.match(r"\W*sampler\b", word) for word in words):
        return ""
    parts = [own, *(own.get(part) or {} for part in ("process", "solver"))]
    names = [str(part.get("_target_", "")).rpartition(".")[2] for part in parts]
    steps = f"num_steps={own['num_steps']}" if "num_steps" in own else ""
    what = ", ".join(filter(None, [*names, steps]))
    return f"sampled with the default, sampler=ode; the run's own sampler is another: {what}"


def _settings(cfg: Any, found: Trained, stem: str, notes: Sequence[str]) -> Any:
    """The files that the configuration asks for."""
    from hydra.utils import instantiate

    from interpolants.report.kept import KEPT, Kept
    from interpolants.report.settings import ReportSettings

    likelihood = cfg.get("likelihood")
    return ReportSettings(
        folder=found.folder(cfg.out, "samples"),
        stem=stem,
        output=instantiate(cfg.output, _convert_="all"),
        likelihood=instantiate(likelihood, _convert_="all") if likelihood else None,
        animation=cfg.animation,
        kept=Kept(found.run / KEPT if (found.run / "config.yaml").exists() else None),
        notes=notes,
    )
