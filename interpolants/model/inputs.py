"""Sampling inputs from data: initial states, images and labels."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from interpolants.coupling.base import Pair
from interpolants.data.base import Data
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.utils.seeds import stream_rows

# Keeps the choice of labels independent of other draws.
_VECTORS = 42


def with_inputs(model: Model, data: Data, request: SampleRequest) -> SampleRequest:
    """Complete a request by the inputs that samples take from held-out or training data.

    A backward process starts from held-out data, and some couplings compute initial states from
    them; then there are at most as many samples as held-out data, with their labels. Labels that
    are vectors, whose distribution the model does not store, are drawn from the training data.
    """
    n, seed, labels = request.n, request.seed, model.labels
    changes: dict[str, Any] = {}
    backward = model.is_backward(request)
    if backward or model.fields.coupling.data_dependent:
        held = data.held_out(n, seed)
        pair = Pair(held.x1) if backward else model.pair(held.x1, seed)
        changes = {"n": len(held.x1), "start": pair.x0, "image": pair.image}
        if request.label is None:
            changes["label"] = None if labels is None else held.label
    elif labels is not None and labels.size and request.label is None:
        changes["label"] = stream_rows(partial(_vectors, data), 0, n, _VECTORS, seed)
    full = replace(request, **changes)
    if labels is None or full.label is None:
        return full
    return replace(full, label=labels.of_first(full.label, full.n))


def _vectors(data: Data, n: int, generator: torch.Generator) -> Tensor:
    label = data.sample(n, generator).label
    assert label is not None
    return label
