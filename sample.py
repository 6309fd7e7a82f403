"""Sample a trained model: `python sample.py [ckpt=...] [n=...] [sampler=sde|ode_backward|...]`.

`torchrun --nproc-per-node=2 sample.py ...` shares the work between processes.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

from interpolants.cli import run

# What decides samples, beside what every drawing tells.
_DECIDING = ("sampler", "num_steps", "guidance")


def main(cfg: Any) -> float:
    """Draw samples, measure them beside their floors, write files; returns the first metric."""
    import torch
    from hydra.core.hydra_config import HydraConfig
    from hydra.utils import instantiate

    from interpolants.checkpoint.loading import load
    from interpolants.checkpoint.runs import newest_checkpoint
    from interpolants.checkpoint.spec import build
    from interpolants.neural_sde.model import SeriesModel
    from interpolants.neural_sde.report import series_stem, write_series_report
    from interpolants.report.sharded import write_sharded_report
    from interpolants.utils.checks import check, check_count

    for key in ("n", "threads"):
        check_count(key, cfg[key])
    check(isinstance(cfg.seed, int), "seed", "a whole number", cfg.seed)
    torch.set_num_threads(cfg.threads)
    ckpt = newest_checkpoint(Path("outputs")) if cfg.ckpt is None else Path(cfg.ckpt)
    trust, ranks = list(cfg.trust), _ranks()
    model = load(ckpt, weights=cfg.weights, trust=trust, device=ranks.device(cfg.device))
    parts = (
        model,
        build(model.config["data"], where="data", trust=trust),
        [instantiate(node, _convert_="all") for node in cfg.metric.values()],
        ckpt.parent.parent / "samples" if cfg.out is None else Path(cfg.out),
    )
    if isinstance(model, SeriesModel):
        stem = series_stem(cfg.stem, HydraConfig.get().overrides.task)
        check(ranks.world_size == 1, "torchrun", "one process for series", ranks.world_size)
        report = write_series_report(*parts, n=cfg.n, seed=cfg.seed, seen=cfg.seen, stem=stem)
    else:
        report = write_sharded_report(*parts, stem=cfg.stem, ranks=ranks, **_sampling(cfg))
    if report is None:
        return float("nan")
    named = isinstance(cfg.weights, str)
    used = f"{cfg.weights} weights" if named else f"average of relative width {cfg.weights}"
    print(f"{ckpt} ({used})")
    print(report.table())
    return report.metrics[0].value if report.metrics else float("nan")


def _ranks() -> Any:
    """Which of the processes of `torchrun` this is; they share one job, not a sweep."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from interpolants.utils.checks import check
    from interpolants.utils.ranks import Ranks

    ranks = Ranks.of_environment()
    alone = ranks.world_size == 1 or HydraConfig.get().mode != RunMode.MULTIRUN
    check(alone, "torchrun", "one job", "-m", "start torchrun for each job")
    return ranks


def _sampling(cfg: Any) -> dict[str, Any]:
    """How samples of an interpolant are drawn, and what is written of them."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    likelihood, guidance = cfg.get("likelihood"), cfg.get("guidance")
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    return {
        "n": cfg.n,
        "seed": cfg.seed,
        "sampler": instantiate(cfg.sampler, _convert_="all"),
        "num_steps": cfg.num_steps,
        "label": plain["label"],
        "guidance": instantiate(guidance, _convert_="all") if guidance else None,
        "chunk_size": cfg.chunk_size,
        "settings": {key: plain.get(key) for key in _DECIDING},
        "tell": partial(print, file=sys.stderr, flush=True),
        "writing": {
            "output": instantiate(cfg.output, _convert_="all"),
            "likelihood": instantiate(likelihood, _convert_="all") if likelihood else None,
            "animation": cfg.animation,
        },
    }


if __name__ == "__main__":
    run(main, "sample", Path(__file__).parent / "conf")
