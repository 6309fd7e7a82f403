"""Figure of metrics against the number of steps of a sampler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from interpolants.plot import style
from interpolants.plot.figure_info import FigureInfo
from interpolants.plot.style import DATA_COLOUR, SAMPLES_COLOUR

Spread = tuple[float, float]
"""A value and its standard deviation."""


def plot_step_counts(
    counts: Sequence[int],
    curves: Mapping[str, Sequence[Spread]],
    floors: Mapping[str, Spread],
    info: FigureInfo = FigureInfo(),
) -> Figure:
    """Draw each metric against the number of steps, with its spread and its floor.

    Args:
        counts: numbers of steps.
        curves: values of each metric, one for each number of steps.
        floors: value of each metric for real samples.
        info: title.
    """
    figure = style.new_figure(3.6 * len(curves) + 0.3, 3.0)
    panels = figure.subplots(1, len(curves), squeeze=False)[0]
    for ax, (name, spreads) in zip(panels, curves.items(), strict=True):
        values, deviations = zip(*spreads, strict=True)
        ax.errorbar(
            counts, values, deviations, fmt="o-", color=SAMPLES_COLOUR, markersize=4, capsize=3
        )
        floor, deviation = floors[name]
        ax.axhline(floor, color=DATA_COLOUR, label="real samples")
        ax.axhspan(floor - deviation, floor + deviation, color=DATA_COLOUR, alpha=0.2)
        ax.set_xscale("log", base=2)
        ax.xaxis.set_major_locator(FixedLocator(list(counts)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.set(xlabel="steps", title=name.replace("_", " "))
        ax.set_ylim(bottom=0)
        style.tidy(ax)
    panels[0].legend(frameon=False, fontsize=8)
    info.entitle(figure)
    return figure
