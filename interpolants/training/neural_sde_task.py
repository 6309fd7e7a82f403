"""Training of a neural SDE on series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, final

import torch

from interpolants.data.base import Data
from interpolants.data.series_data import SeriesData
from interpolants.metric.base import Metric
from interpolants.neural_sde.model import SeriesModel, build_neural_sde
from interpolants.neural_sde.report import (
    checked_seen,
    draw_look,
    measure_series,
    write_series_report,
)
from interpolants.report.report import Report
from interpolants.space.scaling import Scaling
from interpolants.training.neural_sde_module import NeuralSDEModule
from interpolants.training.sampling import Look
from interpolants.training.task import Build, Prepared, Task, module_options
from interpolants.utils.checks import check


@final
class NeuralSDETask(Task):
    """A latent equation with the posterior that it is learned by, for data that are series."""

    parts: ClassVar[tuple[str, ...]] = ("model",)

    def prepare(
        self, config: Mapping[str, Any], plain: dict[str, Any], build: Build, data: Data
    ) -> Prepared:
        is_series = isinstance(data, SeriesData)
        rule = "series, for a neural SDE"
        check(is_series, "data", rule, type(data).__name__, "use data=bridge, or another task")
        assert isinstance(data, SeriesData)
        plain["times"] = list(data.times)
        seen = checked_seen(config["seen"], len(data.times))
        space = build(config["space"])
        scaling = Scaling(*data.chart_units(space), space)
        model = build_neural_sde(build(config["model"]), data.event_shape, data.times)
        module = NeuralSDEModule(
            model=model, scaling=scaling, **module_options(config, plain, build, model)
        )
        data.train_batch(0, config["batch_size"], config["seed"])
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():  # what the solver refuses is refused now
            module.outcome(data.sample(2, generator), generator)
        series = SeriesModel(
            model=model, event_shape=data.event_shape, scaling=scaling, config=plain
        )
        return Prepared(module, lambda metrics, n: _look(series, data, metrics, n, seen))

    def report(
        self,
        model: Any,
        data: Data,
        metrics: Sequence[Metric],
        folder: Path,
        config: Mapping[str, Any],
    ) -> Report:
        n, seed, seen = (config[key] for key in ("report_size", "seed", "seen"))
        return write_series_report(model, data, metrics, folder, n=n, seed=seed, seen=seen)


def _look(model: SeriesModel, data: Data, metrics: Sequence[Metric], n: int, seen: int) -> Look:
    drawn, results = measure_series(model, data, metrics, n=n, seed=0, seen=seen)
    return Look(results, draw_look(model, data, drawn.x, seen=seen), {})
