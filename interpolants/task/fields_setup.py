"""Objects of a run that learns fields, checked before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from interpolants.data.base import Data
from interpolants.data.labels import Labels
from interpolants.fields.fields import Fields
from interpolants.fields.guidance.base import Guidance
from interpolants.model.model import Model
from interpolants.model.trainable import TrainableFields
from interpolants.objective.base import Objective
from interpolants.objective.learned_weight import LearnedWeight
from interpolants.objective.map_objective import MapObjective
from interpolants.objective.time_sampler.base import TimeSampler
from interpolants.objective.weight.base import Weight
from interpolants.space.scaling import Scaling
from interpolants.task.base import Build, TaskSetup
from interpolants.task.building import (
    build_fields,
    fit_base,
    fit_scaling,
    probe_fields,
    root_mean_square,
)
from interpolants.utils.checks import check


def fields_setup(
    config: Mapping[str, Any], plain: dict[str, Any], build: Build, data: Data, *, two_times: bool
) -> TaskSetup:
    """Build everything for fields; arguments as of `Task.prepare`, and whether of a flow map.

    Raises:
        ValueError: if parts do not fit together.
    """
    times: TimeSampler = build(config["time_sampler"])
    labels = _labels(config["label_dropout"], data)
    scaling = fit_scaling(data, build(config["space"]))
    std = root_mean_square(data, scaling) if config["precondition"] else None
    fields, objective = build_fields(lambda key: build(config[key]), data.event_shape, labels, std)
    _check_times(objective, times, two_times)
    _check_labels(objective, labels, scaling)
    _check_weight(config, objective, build)
    probe_fields(fields, data.event_shape, labels, objective)
    if config["compile"]:
        # In place, so that the names of weights in checkpoints do not change.
        fields.net.compile(dynamic=False)
    fit_base(data, scaling, fields)
    _check_batch(data, fields, labels)
    _record(plain, data, fields, labels, std)
    data.train_batch(0, config["batch_size"], config["seed"])
    model = Model(
        fields=fields,
        event_shape=data.event_shape,
        scaling=scaling,
        sampler=build(config["sampler"]),
        labels=labels,
        guidance=_guidance(config, build, labels),
        columns=data.table,
        config=plain,
    )
    model.make_sampler()
    trainable = TrainableFields(
        model=fields,
        scaling=scaling,
        objective=objective,
        time_sampler=times,
        labels=labels,
        weight=LearnedWeight() if objective.learns_weight else None,
        scales=objective.scales,
    )
    return TaskSetup(trainable, model, _notes(labels))


def _record(
    plain: dict[str, Any], data: Data, fields: Fields, labels: Labels | None, std: float | None
) -> None:
    """Add the values that the model is rebuilt from, and the fingerprint of the base's data."""
    plain["labels"] = None if labels is None else labels.plain()
    plain["columns"] = None if data.table is None else data.table.plain()
    plain["std"] = std
    if fields.base.fingerprint():
        plain.setdefault("fingerprint", {})["base.data"] = fields.base.fingerprint()


def _check_times(objective: Objective, times: TimeSampler, two_times: bool) -> None:
    """Require the objective and the times of the task."""
    kind = ("flow maps", "objective=lagrangian, or task=interpolant")
    rule, fix = kind if two_times else ("fields", "task=flow_map, or objective=velocity")
    name = type(objective).__name__
    check(objective.two_times == two_times, "objective", f"one of {rule}", name, f"use {fix}")
    rule, fix = ("pairs of times", "uniform_pairs") if two_times else ("single times", "uniform")
    fits = (times.jumps is not None) == two_times
    check(fits, "time_sampler", rule, type(times).__name__, f"use time_sampler={fix}")


def _check_labels(objective: Objective, labels: Labels | None, scaling: Scaling) -> None:
    """Require dropped labels, where guidance away from them is learned, and those of a teacher."""
    dropout = None if labels is None else labels.dropout
    rule, fix = "label_dropout above 0, for guidance scales", "set label_dropout=0.1"
    check(objective.scales is None or bool(dropout), "objective.largest_scale", rule, dropout, fix)
    if isinstance(objective, MapObjective) and objective.teacher is not None:
        objective.teacher.check(scaling, labels)


def _check_weight(config: Mapping[str, Any], objective: Objective, build: Build) -> None:
    """Require no weight over time of a flow map, whose losses have none."""
    if objective.two_times and config.get("weight"):
        weight: Weight = build(config["weight"])
        fix = "choose times by time_sampler, or set objective.learned_weight=true"
        constant, got = weight.is_one, type(weight).__name__
        check(constant, "weight", "constant, for a flow map", got, fix)


def _labels(dropout: float | None, data: Data) -> Labels | None:
    """Labels of the training rows, if the network is conditioned on them."""
    if dropout is None:
        return None
    names = {"names": data.classes, "columns": data.label_columns}
    return Labels.of(data.labels(), dropout, data.num_classes, **names)


def _guidance(config: Mapping[str, Any], build: Build, labels: Labels | None) -> Guidance | None:
    """Build the guidance, and check that it fits the labels."""
    if not config["guidance"]:
        return None
    guidance: Guidance = build(config["guidance"])
    guidance.check(labels)
    return guidance


def _check_batch(data: Data, fields: Fields, labels: Labels | None) -> None:
    """Require data without missing observations that the coupling can pair."""
    generator = torch.Generator().manual_seed(0)
    one = data.sample(1, generator)
    fix = "use task=neural_sde"
    rule = "data with no observations missing, for an interpolant"
    check(one.mask is None, "data", rule, type(data).__name__, fix)
    check(
        one.x0 is not None or not fields.coupling.needs_pairs,
        "coupling",
        "data whose batches have x0, for paired data",
        type(data).__name__,
        "use coupling=independent or minibatch_ot",
    )
    x0 = one.x0
    if x0 is None:
        x0 = fields.base.sample(1, data.event_shape, generator)
    fields.coupling.pair(x0, one.x1, None if labels is None else one.label, generator)


def _notes(labels: Labels | None) -> list[str]:
    """Line with the names of the classes, if they have some."""
    return [labels.mapping()] if labels is not None and labels.names else []
