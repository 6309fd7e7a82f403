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
    from interpolants.model import load
    from interpolants.report import write_report
    from interpolants.runs import newest_checkpoint
    from interpolants.spec import build

    for key in ("n", "threads"):
        check_count(key, cfg[key])
    check(isinstance(cfg.seed, int), "seed", "a whole number", cfg.seed)
    torch.set_num_threads(cfg.threads)
    ckpt = newest_checkpoint(Path("outputs")) if cfg.ckpt is None else Path(cfg.ckpt)
    trust = list(cfg.trust)
    likelihood = cfg.get("likelihood")
    model = load(ckpt, weights=cfg.weights, trust=trust, device=cfg.device)
    report = write_report(
        model,
        build(model.config["data"], where="data", trust=trust),
        [instantiate(node, _convert_="all") for node in cfg.metric.values()],
        ckpt.parent.parent / "samples" if cfg.out is None else Path(cfg.out),
        n=cfg.n,
        seed=cfg.seed,
        sampler=instantiate(cfg.sampler, _convert_="all"),
        stem=cfg.stem,
        animation=cfg.animation,
        likelihood=instantiate(likelihood, _convert_="all") if likelihood else None,
        num_steps=cfg.num_steps,
    )
    print(f"{ckpt} ({cfg.weights} weights)")
    print(report.table())
    return report.metrics[0].value if report.metrics else float("nan")


if __name__ == "__main__":
    run(main, "sample", Path(__file__).parent / "conf")
