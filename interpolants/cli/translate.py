"""Partners of rows of a file: `interpolants translate data.path=a.csv [ckpt=...]`."""

from __future__ import annotations

from typing import Any


def main(cfg: Any) -> float:
    """Write the partner of each row in the other data set; returns their number."""
    from interpolants.cli.rows import alone, row_file, row_settings

    file = row_file(cfg)

    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    from interpolants.cli.trained import trained
    from interpolants.model.request import SampleRequest
    from interpolants.report.writer import sole_writer

    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    guidance = cfg.get("guidance")
    request = SampleRequest(
        n=1,
        sampler=instantiate(cfg.sampler, _convert_="all"),
        guidance=instantiate(guidance, _convert_="all") if guidance else None,
        **{name: plain[name] for name in ("label", "seed", "num_steps", "chunk_size")},
    )
    found = trained(cfg, alone(cfg), data=True)
    settings = row_settings(cfg, "translations", found)
    with sole_writer(settings.folder, settings.stem):
        report = found.task.translate(found.model, file, request, settings)
    print(report.text)
    return float(report.value)
