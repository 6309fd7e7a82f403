"""Training of a stochastic interpolant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, final

import torch

from interpolants.checkpoint.building import build_fields, fit_base, fit_scaling, root_mean_square
from interpolants.data.base import Data
from interpolants.data.labels import Labels
from interpolants.fields.fields import Fields
from interpolants.fields.guidance.base import Guidance
from interpolants.metric.base import Metric
from interpolants.model.model import Model
from interpolants.plot.samples import plot_samples
from interpolants.report.report import Report, measure, write_report
from interpolants.training.module import InterpolantModule
from interpolants.training.sampling import Look
from interpolants.training.task import Build, Prepared, Task, module_options
from interpolants.utils.checks import check


@final
class InterpolantTask(Task):
    """Fields of a path between a base and the data, and a sampler that is chosen freely."""

    parts: ClassVar[tuple[str, ...]] = (
        "base",
        "coupling",
        "interpolant",
        "objective",
        "time_sampler",
        "net",
        "label_dropout",
        "precondition",
    )

    def prepare(
        self, config: Mapping[str, Any], plain: dict[str, Any], build: Build, data: Data
    ) -> Prepared:
        labels = _labels(config["label_dropout"], data)
        scaling = fit_scaling(data, build(config["space"]))
        deviation = root_mean_square(data, scaling) if config["precondition"] else None
        fields, objective = build_fields(
            lambda key: build(config[key]), data.event_shape, labels, deviation
        )
        if config["compile"]:
            # In place: the names of weights, and so checkpoints, stay as they are.
            fields.net.compile(dynamic=False)
        fit_base(data, scaling, fields)
        _check_batch(data, fields, labels)
        plain["labels"] = None if labels is None else labels.plain()
        plain["deviation"] = deviation
        data.train_batch(0, config["batch_size"], config["seed"])
        model = Model(
            fields=fields,
            event_shape=data.event_shape,
            scaling=scaling,
            sampler=build(config["sampler"]),
            labels=labels,
            guidance=_guidance(config, build, labels),
            config=plain,
        )
        model.make_sampler()
        module = InterpolantModule(
            fields=fields,
            objective=objective,
            time_sampler=build(config["time_sampler"]),
            scaling=scaling,
            labels=labels,
            **module_options(config, plain, build, fields),
        )
        return Prepared(module, lambda metrics, n: _look(model, data, metrics, n))

    def report(
        self,
        model: Any,
        data: Data,
        metrics: Sequence[Metric],
        folder: Path,
        config: Mapping[str, Any],
    ) -> Report:
        n, seed, animation = (config[key] for key in ("report_size", "seed", "animation"))
        return write_report(model, data, metrics, folder, n=n, seed=seed, animation=animation)


def _labels(dropout: float | None, data: Data) -> Labels | None:
    """The labels of the training rows, if the network is to be told."""
    return None if dropout is None else Labels.of(data.labels(), dropout, data.num_classes)


def _guidance(config: Mapping[str, Any], build: Build, labels: Labels | None) -> Guidance | None:
    """What samples of the model are guided by, once it is known to suit the labels."""
    if not config["guidance"]:
        return None
    guidance: Guidance = build(config["guidance"])
    guidance.check(labels)
    return guidance


def _check_batch(data: Data, fields: Fields, labels: Labels | None) -> None:
    """Require data that are whole, and that the coupling can pair."""
    generator = torch.Generator().manual_seed(0)
    one = data.sample(1, generator)
    fix = "use task=neural_sde"
    rule = "data with no observations missing, for an interpolant"
    check(one.mask is None, "data", rule, type(data).__name__, fix)
    check(
        one.x0 is not None or not fields.coupling.needs_pairs,
        "coupling",
        "data whose batches carry x0, for paired ends",
        type(data).__name__,
        "use coupling=independent or minibatch_ot",
    )
    x0 = one.x0
    if x0 is None:
        x0 = fields.base.sample(1, data.event_shape, generator)
    fields.coupling.pair(x0, one.x1, None if labels is None else one.label, generator)


def _look(model: Model, data: Data, metrics: Sequence[Metric], n: int) -> Look:
    """Metrics and a picture of samples; and how many left their space, where a process may let
    them."""
    drawn, reference, results = measure(model, data, metrics, n=n)
    numbers = {} if drawn.outside is None else {"outside": drawn.outside}
    return Look(results, plot_samples(drawn.x.cpu(), reference), numbers)
