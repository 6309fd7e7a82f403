"""Figure of the logs of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from interpolants.plot import style

Curve = Sequence[tuple[int, float]]
"""Steps and values."""

_COLUMNS, _MOST_NAMED = 3, 12


def plot_curves(runs: Mapping[str, Mapping[str, Curve]], names: Sequence[str]) -> Figure:
    """Draw one panel for each metric, with a line for each run.

    Args:
        runs: curves by metric, of each run by its title; up to 12 titles are shown.
        names: the metrics, at least one; a run without one has no line there.
    """
    columns = min(_COLUMNS, len(names))
    height = -(-len(names) // columns)
    figure = style.new_figure(4.2 * columns, 3.0 * height + 0.5)
    panels = list(figure.subplots(height, columns, squeeze=False).flat)
    colours = matplotlib.colormaps[style.TIME_CMAP](np.linspace(0, 0.9, len(runs)))
    for ax, name in zip(panels, names, strict=False):
        drawn = []
        for (title, curves), colour in zip(runs.items(), colours, strict=True):
            step, value = np.array(curves.get(name, ()), dtype=np.float64).reshape(-1, 2).T
            ax.plot(step, value, color=colour, linewidth=1.2, label=title)
            ax.plot(step[-1:], value[-1:], "o", color=colour, markersize=3)
            drawn.append(value[np.isfinite(value)])
        ax.set_title(name.removeprefix("val/").replace("_", " "))
        style.step_axis(ax, drawn)
    for ax in panels[len(names) :]:
        ax.set_axis_off()
    if len(runs) <= _MOST_NAMED:
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure
