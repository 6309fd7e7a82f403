"""Sample a trained model: `python sample.py [ckpt=...] [n=...] [sampler=sde|ode_backward|...]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from interpolants.cli import run


def main(cfg: Any) -> float:
    """Draw samples, measure them beside their floors, write files; returns the first metric."""
    import torch
    from hydra.utils import instantiate

    from interpolants.checks import check, check_count
    from interpolants.loading import load
    from interpolants.report import write_report
    from interpolants.runs import newest_checkpoint
    from interpolants.series_model import SeriesModel
    from interpolants.series_report import write_series_report
    from interpolants.spec import build

    for key in ("n", "threads"):
        check_count(key, cfg[key])
    check(isinstance(cfg.seed, int), "seed", "a whole number", cfg.seed)
    torch.set_num_threads(cfg.threads)
    ckpt = newest_checkpoint(Path("outputs")) if cfg.ckpt is None else Path(cfg.ckpt)
    trust = list(cfg.trust)
    model = load(ckpt, weights=cfg.weights, trust=trust, device=cfg.device)
    parts = (
        model,
        build(model.config["data"], where="data", trust=trust),
        [instantiate(node, _convert_="all") for node in cfg.metric.values()],
        ckpt.parent.parent / "samples" if cfg.out is None else Path(cfg.out),
    )
    if isinstance(model, SeriesModel):
        stem = _series_stem(cfg)
        report = write_series_report(*parts, n=cfg.n, seed=cfg.seed, seen=cfg.seen, stem=stem)
    else:
        report = write_report(*parts, n=cfg.n, seed=cfg.seed, stem=cfg.stem, **_sampling(cfg))
    print(f"{ckpt} ({cfg.weights} weights)")
    print(report.table())
    return report.metrics[0].value if report.metrics else float("nan")


def _sampling(cfg: Any) -> dict[str, Any]:
    """How an interpolant is sampled, and what is done with its paths."""
    from hydra.utils import instantiate

    likelihood = cfg.get("likelihood")
    return {
        "sampler": instantiate(cfg.sampler, _convert_="all"),
        "num_steps": cfg.num_steps,
        "likelihood": instantiate(likelihood, _convert_="all") if likelihood else None,
        "animation": cfg.animation,
    }


def _series_stem(cfg: Any) -> str:
    """How the files of a neural SDE are called; refuses settings that are not about series."""
    from hydra.core.hydra_config import HydraConfig

    from interpolants.checks import check

    others = ("sampler", "num_steps", "likelihood", "animation")
    chosen = [str(word).lstrip("+~") for word in HydraConfig.get().overrides.task]
    void = [word for word in chosen if word.startswith(others)]
    for word in void:
        rule = "no such setting for a neural SDE, which is solved as in training"
        check(False, word.partition("=")[0], rule, word)
    return str(cfg.stem) if any(word.startswith("stem=") for word in chosen) else "series"


if __name__ == "__main__":
    run(main, "sample", Path(__file__).parent / "conf")
