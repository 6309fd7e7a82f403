"""Names, scales and titles of the figures of a model."""

from __future__ import annotations

from interpolants.data.base import Data
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.plot.figure_info import FigureInfo
from interpolants.space.log import LogSpace


def figure_info(model: Model, data: Data | None, request: SampleRequest) -> FigureInfo:
    """Find what the figures of some samples say besides the samples.

    Args:
        model: the model.
        data: its data, which have the names of columns and classes; none if None.
        request: the samples.
    """
    sampler = model.make_sampler(request.factory(model.sampler))
    parts = model.fields.interpolant, sampler.process, sampler.solver
    path, process, solver = (type(part).__name__ for part in parts)
    title = f"{path}: {process} by {solver}, {sampler.num_steps} steps"
    if sampler.process.backward:  # samples of the base, in its own units
        return FigureInfo(title)
    space = model.scaling.space
    low, high = space.bounds
    return FigureInfo(
        title=title,
        columns=tuple(getattr(data, "columns", ())),
        classes=() if model.labels is None else tuple(model.labels.names),
        low=low,
        high=high,
        log=isinstance(space, LogSpace) and space.map.bound == low == 0,
    )
