"""Real samples that those of a request are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from interpolants.data.base import Data, same_label
from interpolants.metric.base import References
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest

REFERENCES = 3
"""Number of reference samples that metrics are averaged over."""

# With fewer rows nothing can be said of a distribution.
_LEAST = 2


class Reference(NamedTuple):
    """Comparison that suits a request for samples.

    Attributes:
        references: real samples; None if there are none.
        name: what they are, "data" or "base", with their label.
        notes: lines that a reader needs, such as why there are none.
    """

    references: References | None
    name: str
    notes: Sequence[str] = ()


def reference_of(
    model: Model, data: Data | None, request: SampleRequest, n: int, draws: int
) -> Reference:
    """Find real samples of what a request asks for.

    A backward process arrives at the base. Otherwise they are held-out data, and if a label was
    asked for those with this label.

    Args:
        model: the model.
        data: the data, if there are any.
        request: the user's request.
        n: number of samples.
        draws: number of references.
    """
    if n < _LEAST:
        return Reference(None, "data", [f"no metrics: {n} finite samples"])
    if model.is_backward(request):
        base, shape = model.fields.base, model.event_shape
        ends = [base.reference_pair(n, shape, k) for k in range(draws)]
        units = base.scaling
        pairs = [(units.to_data(first), units.to_data(second)) for first, second in ends]
        return Reference(References(pairs), "base")
    notes = _guidance_notes(model, request)
    if data is None:
        return Reference(None, "data", notes)
    if request.label is None or model.labels is None:
        whole = [data.reference_pair(n, k) for k in range(draws)]
        return Reference(References(whole), "data", notes)
    label = model.labels.one(request.label)
    if label is None:
        reason = "no metrics: the samples have labels of their own, and no data have the same"
        return Reference(None, "data", [*notes, reason])
    pairs = [data.reference_pair(n, k, label) for k in range(draws)]
    if len(pairs[0][0]) < _LEAST:
        reason = f"no metrics: fewer than {_LEAST} held-out and training rows have this label"
        return Reference(None, "data", [*notes, reason])
    labels = data.labels()
    of_label = None if labels is None else same_label(labels, label)
    name = f"data of {model.labels.name_of(label)}" if model.labels.names else "data of this label"
    return Reference(References(pairs, of_label), name, notes)


def _guidance_notes(model: Model, request: SampleRequest) -> list[str]:
    """Line on the distribution of guided samples, if they are guided."""
    guidance = model.guidance if request.guidance is None else request.guidance
    if guidance is None or guidance.scale == 1:
        return []
    text = "guided samples follow another distribution than the data, by intention"
    return [f"guidance of scale {guidance.scale:g}: {text}; no floor is their aim"]
