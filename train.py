"""Train a model: `python train.py [experiment=...] [group=option] [key=value] [-m]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from interpolants.cli import run


def main(cfg: Any) -> float:
    """Train as configured; returns the first metric, which sweeps minimise."""
    from functools import partial

    from hydra.core.hydra_config import HydraConfig
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    from interpolants.training.run import train

    plain = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    # Without conversion Hydra would wrap our frozen dataclasses in configs of its own.
    build = partial(instantiate, _convert_="all")
    report = train(cfg, plain, build, Path(HydraConfig.get().runtime.output_dir))
    print(report.table())
    return report.metrics[0].value


if __name__ == "__main__":
    run(main, "train", Path(__file__).parent / "conf")
