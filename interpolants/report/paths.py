"""Pictures of the paths that samples took."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interpolants.data.base import Data
from interpolants.model.model import Model
from interpolants.plot.animation import animate
from interpolants.plot.images import plot_images
from interpolants.plot.snapshots import plot_snapshots
from interpolants.plot.style import is_image, save
from interpolants.plot.trajectories import plot_trajectories
from interpolants.report.drawing import begin, inside

_TIMES = tuple(k / 40 for k in range(41))
_MOST, _MOST_IMAGES = 2_000, 64


def write_paths(
    model: Model,
    data: Data,
    folder: Path,
    stem: str,
    animation: bool,
    drawing: Mapping[str, Any],
) -> list[Path]:
    """Write trajectories, snapshots and, if asked for, an animation, from one run of paths; and
    samples beside what they were made of where that was data.

    Args:
        model, data, folder, stem, animation: as in `write_report`.
        drawing: as of `begin`; some of `n` samples are drawn.

    Returns:
        The files.
    """
    images = is_image(model.event_shape)
    drawing = {**drawing, "n": min(drawing["n"], _MOST_IMAGES if images else _MOST)}
    begun = begin(model, data, **drawing)
    drawn = inside(model.sample(begun.n, times=_TIMES, **begun.options))
    assert drawn.path is not None and drawn.times is not None
    path, times = drawn.path.cpu(), drawn.times
    figures = {
        "trajectories": plot_trajectories(path, times),
        "snapshots": plot_snapshots(path, times),
    }
    if images and model.fields.coupling.data_dependent and not begun.backward:
        held = data.held_out(begun.n, drawing["seed"]).x1
        figures["pairs"] = plot_images({"beginnings": path[0], "samples": path[-1], "data": held})
    files = []
    for name, figure in figures.items():
        files.append(folder / f"{stem}_{name}.png")
        save(figure, files[-1])
    if animation:
        files.append(folder / f"{stem}.gif")
        animate(path, times, files[-1])
    return files
