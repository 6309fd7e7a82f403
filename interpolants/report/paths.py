"""Figures of the paths of samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from interpolants.data.base import Data
from interpolants.model.inputs import held_rows, with_inputs
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.plot.animation import animate
from interpolants.plot.images import plot_images
from interpolants.plot.snapshots import plot_snapshots
from interpolants.plot.style import is_image, save
from interpolants.plot.trajectories import plot_trajectories
from interpolants.report.figure_info import figure_info
from interpolants.report.settings import ReportSettings

# Times that are kept of a path, and of one that is animated.
_SEGMENTS, _FRAMES = 20, 40
_MOST, _MOST_IMAGES = 2_000, 64


def write_paths(
    model: Model, data: Data | None, request: SampleRequest, settings: ReportSettings
) -> list[Path]:
    """Write trajectories, snapshots and optionally an animation of the same paths.

    Images that start from data are also plotted beside these data.

    Args:
        model, data, settings: as in `write_report`.
        request: the samples, the first of which are drawn again with their paths.

    Returns:
        The files written.
    """
    images = is_image(model.event_shape)
    few = replace(request, n=min(request.n, _MOST_IMAGES if images else _MOST))
    full, backward = with_inputs(model, data, few), model.is_backward(request)
    count = _FRAMES if settings.animation else _SEGMENTS
    drawn = model.draw(full, times=[k / count for k in range(count + 1)]).finite()
    assert drawn.path is not None and drawn.times is not None
    if len(drawn.x) == 0:
        return []
    path, times, info = drawn.path.cpu(), drawn.times, figure_info(model, data, request)
    figures = {
        "trajectories": plot_trajectories(path, times, info),
        "snapshots": plot_snapshots(path, times, info),
    }
    if images and model.fields.coupling.data_dependent and not backward:
        assert data is not None
        held = held_rows(model, data, replace(request, n=full.n)).x1
        panels = {"start": path[0], "samples": path[-1], "data": held}
        figures["pairs"] = plot_images(panels, info=info)
    files = []
    for name, figure in figures.items():
        files.append(settings.folder / f"{settings.stem}_{name}.png")
        save(figure, files[-1])
    if settings.animation:
        files.append(settings.folder / f"{settings.stem}.gif")
        animate(path, times, files[-1], info)
    return files
