"""The task of neural SDEs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import torch
from torch import Tensor

from interpolants.data.base import Data
from interpolants.data.time_series_data import TimeSeriesData
from interpolants.metric.base import Metric
from interpolants.model.request import SampleRequest
from interpolants.neural_sde.model import (
    TimeSeriesModel,
    build_neural_sde,
    checked_context_length,
)
from interpolants.neural_sde.neural_sde import NeuralSDE
from interpolants.neural_sde.trainable import TrainableNeuralSDE
from interpolants.objective.step_loss import whole
from interpolants.space.scaling import Scaling
from interpolants.task.base import Build, SampleCheck, Task, TaskSetup
from interpolants.task.building import load_state
from interpolants.utils.checks import check
from interpolants.utils.log import Log, silent
from interpolants.utils.ranks import Ranks

if TYPE_CHECKING:
    from interpolants.report.kept import Kept
    from interpolants.report.report import Report
    from interpolants.report.settings import ReportSettings


@final
class NeuralSDETask(Task):
    """Task of latent SDEs with their variational posteriors, for time series."""

    title: ClassVar[str] = "a neural SDE"
    parts: ClassVar[tuple[str, ...]] = ("neural_sde",)
    saved: ClassVar[Mapping[str, Any]] = {
        "neural_sde": Callable[..., NeuralSDE],
        "times": Sequence[float],
    }
    unused: ClassVar[tuple[str, ...]] = (
        *("sampler", "num_steps", "likelihood", "animation", "output", "chunk_size"),
        *("label", "guidance"),
    )

    def prepare(
        self, config: Mapping[str, Any], plain: dict[str, Any], build: Build, data: Data
    ) -> TaskSetup:
        is_series = isinstance(data, TimeSeriesData)
        rule, fix = "time series, for a neural SDE", "use data=bridge, or another task"
        check(is_series, "data", rule, type(data).__name__, fix)
        assert isinstance(data, TimeSeriesData)
        check(not config["animation"], "animation", f"false for {self.title}", True)
        plain["times"] = list(data.times)
        checked_context_length(config["context_length"], len(data.times))
        space = build(config["space"])
        scaling = Scaling(*data.chart_units(space), space)
        neural_sde = build_neural_sde(build(config["neural_sde"]), data.event_shape, data.times)
        trainable = TrainableNeuralSDE(neural_sde, scaling)
        data.train_batch(0, config["batch_size"], config["seed"])
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():  # the solver's errors are raised now
            batch = data.sample(2, generator)
            trainable.step_loss(batch, whole(batch), generator)
        model = TimeSeriesModel(
            model=neural_sde, event_shape=data.event_shape, scaling=scaling, config=plain
        )
        return TaskSetup(trainable, model)

    def rebuild(
        self,
        config: Mapping[str, Any],
        state: Mapping[str, Tensor],
        build: Callable[[str], Any],
        device: torch.device | str,
    ) -> TimeSeriesModel:
        shape = build("event_shape")
        neural_sde = build_neural_sde(build("neural_sde"), shape, build("times"))
        scaling = load_state(neural_sde.to(device), build("space"), state, shape).to(device)
        return TimeSeriesModel(model=neural_sde, event_shape=shape, scaling=scaling, config=config)

    def request(self, config: Mapping[str, Any], n: int, seed: int) -> SampleRequest:
        return SampleRequest(n=n, seed=seed, context_length=config["context_length"])

    def check_samples(
        self,
        model: Any,
        data: Data,
        metrics: Sequence[Metric],
        request: SampleRequest,
        kept: Kept | None = None,
    ) -> SampleCheck:
        from interpolants.neural_sde.report import draw_check, measure_time_series

        drawn, results = measure_time_series(model, data, metrics, request, kept)
        return SampleCheck(results, draw_check(model, data, drawn.x, request), {})

    def check_report(self, model: Any, request: SampleRequest) -> None:
        """Time series are drawn together, with any noise."""

    def report(
        self,
        model: Any,
        data: Data | None,
        metrics: Sequence[Metric],
        request: SampleRequest,
        settings: ReportSettings,
        ranks: Ranks | None = None,
        log: Log = silent,
    ) -> Report | None:
        from interpolants.neural_sde.report import write_time_series_report

        fix = "say where they are with data.path=..."
        check(data is not None, "data", "the time series that the report is on", None, fix)
        assert data is not None
        count = 1 if ranks is None else ranks.world_size
        check(count == 1, "torchrun", "one process for time series", count)
        return write_time_series_report(model, data, metrics, request, settings)

    def stem(self, sampler: str) -> str:
        """Default stem of sample files, which does not depend on a sampler."""
        return "time_series"
