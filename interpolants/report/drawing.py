"""How reports draw samples: what these begin with, and which of them are kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from interpolants.coupling.base import Pair
from interpolants.data.base import Data
from interpolants.model.model import Model, SamplerFactory
from interpolants.sampler.sampler import Samples
from interpolants.utils.seeds import stream_rows
from interpolants.utils.shapes import flatten_event

Sample = Callable[..., Samples]
"""Draws as `Model.sample` does, as `sample(n, **options)`."""

# Keeps the choice of labels apart from what else is drawn.
_VECTORS = 42

# What `Model.sample` takes that is no setting of a sampler.
_NOT_OF_SAMPLERS = ("label", "guidance", "chunk_size", "times")


class Begun(NamedTuple):
    """How `Model.sample` is to be called.

    Attributes:
        n: how many samples; no more than there are data to begin with.
        options: all else that it takes.
        backward: whether a backward process draws them.
    """

    n: int
    options: dict[str, Any]
    backward: bool


def settings_of(options: dict[str, Any]) -> dict[str, Any]:
    """Those options of `Model.sample` that are settings of a sampler."""
    return {k: v for k, v in options.items() if k not in _NOT_OF_SAMPLERS}


def begin(
    model: Model,
    data: Data,
    *,
    n: int,
    seed: int,
    sampler: SamplerFactory | None = None,
    **options: Any,
) -> Begun:
    """What samples begin with.

    A backward process starts from held-out data, as does a coupling that makes beginnings from
    data; samples then get the labels of those. Labels that are vectors, whose law the model does
    not know, are drawn from the training data.
    """
    backward = model.make_sampler(sampler, **settings_of(options)).process.backward
    if backward or model.fields.coupling.data_dependent:
        held = data.held_out(n, seed)
        begun = Pair(held.x1) if backward else model.pair(held.x1, seed)
        n, options = len(held.x1), {**options, "start": begun.x0, "image": begun.image}
        if options.get("label") is None:
            options["label"] = None if model.labels is None else held.label
    elif model.labels is not None and model.labels.size and options.get("label") is None:
        options["label"] = stream_rows(partial(_vectors, data), 0, n, _VECTORS, seed)
    if model.labels is not None and options.get("label") is not None:
        options["label"] = model.labels.of_first(options["label"], n)
    return Begun(n, {"seed": seed, "sampler": sampler, **options}, backward)


def _vectors(data: Data, n: int, generator: torch.Generator) -> Tensor:
    label = data.sample(n, generator).label
    assert label is not None
    return label


def inside(drawn: Samples) -> Samples:
    """Without the samples that left their space; all of them where fewer than two stayed."""
    if not drawn.outside:
        return drawn
    stayed = flatten_event(drawn.x).isfinite().all(dim=1)
    if drawn.path is not None:
        stayed = stayed & drawn.path.isfinite().transpose(0, 1).flatten(1).all(dim=1)
    if int(stayed.sum()) < 2:
        return drawn
    path = None if drawn.path is None else drawn.path[:, stayed]
    label = None if drawn.label is None else drawn.label[stayed.to(drawn.label.device)]
    return dataclasses.replace(drawn, x=drawn.x[stayed], path=path, label=label)
