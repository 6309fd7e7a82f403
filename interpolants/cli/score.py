"""Log densities of rows of a file: `interpolants score data.path=new.csv [ckpt=...]`."""

from __future__ import annotations

from typing import Any

_REQUEST = ("label", "unconditional", "dequantise", "draws", "seed", "num_steps", "chunk_size")


def main(cfg: Any) -> float:
    """Write the log density of each row with its error, outliers first; returns their mean."""
    from interpolants.cli.rows import alone, row_file, row_settings

    file = row_file(cfg)

    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    from interpolants.cli.trained import trained
    from interpolants.model.scores import ScoreRequest
    from interpolants.report.writer import sole_writer

    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    request = ScoreRequest(
        sampler=instantiate(cfg.sampler, _convert_="all"),
        likelihood=instantiate(cfg.likelihood, _convert_="all"),
        **{name: plain[name] for name in _REQUEST},
    )
    found = trained(cfg, alone(cfg))
    settings = row_settings(cfg, "scores", found, ("likelihood",))
    with sole_writer(settings.folder, settings.stem):
        report = found.task.score(found.model, file, request, settings)
    print(report.text)
    return float(report.value)
