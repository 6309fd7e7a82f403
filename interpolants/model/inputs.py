"""Sampling inputs from data: initial states, images and labels."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from interpolants.coupling.base import Pair
from interpolants.data.base import Batch, Data
from interpolants.data.labels import Labels
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.utils.checks import check
from interpolants.utils.seeds import stream_rows

# Keeps the choice of labels independent of other draws.
_VECTORS = 42


def with_inputs(model: Model, data: Data | None, request: SampleRequest) -> SampleRequest:
    """Complete a request by the inputs that samples take from held-out or training data.

    A backward process starts from held-out data, and some couplings compute initial states from
    them; then there are at most as many samples as held-out data, with their labels, or as those
    of the label that was asked for. Labels that are vectors, whose distribution the model does not
    store, are drawn from the training data.

    Raises:
        ValueError: if there are no such data.
    """
    n, seed, labels = request.n, request.seed, model.labels
    changes: dict[str, Any] = {}
    backward = model.is_backward(request)
    from_data = backward or model.fields.coupling.data_dependent
    if not from_data and (labels is None or not labels.size or request.label is not None):
        return request if labels is None else _with_first_labels(request, labels)
    fix = "say where they are with data.path=... or data.root=..."
    check(data is not None, "data", "the data of training, which these samples need", None, fix)
    assert data is not None
    if from_data:
        held = held_rows(model, data, request)
        pair = Pair(held.x1) if backward else model.pair(held.x1, seed)
        changes = {"n": len(held.x1), "start": pair.x0, "image": pair.image}
        if request.label is None:
            changes["label"] = None if labels is None else held.label
    else:
        changes["label"] = stream_rows(partial(_vectors, data), 0, n, _VECTORS, seed)
    full = replace(request, **changes)
    return full if labels is None else _with_first_labels(full, labels)


def held_rows(model: Model, data: Data, request: SampleRequest) -> Batch:
    """At most `n` held-out rows of the label that a request asks for, or of all labels.

    Raises:
        ValueError: if there are none.
    """
    held = data.held_out(request.n, request.seed)
    if request.label is None or model.labels is None or held.label is None:
        return held
    label = model.labels.one(request.label)
    if label is None:
        return held
    held = data.held_out(request.n, request.seed, label)
    check(len(held.x1) > 0, "label", "a label of some held-out data", request.label)
    return held


def _with_first_labels(request: SampleRequest, labels: Labels) -> SampleRequest:
    if request.label is None:
        return request
    return replace(request, label=labels.of_first(request.label, request.n))


def _vectors(data: Data, n: int, generator: torch.Generator) -> Tensor:
    label = data.sample(n, generator).label
    assert label is not None
    return label
