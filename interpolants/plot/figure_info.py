"""Names, scales and titles of figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from interpolants.plot import style
from interpolants.plot.style import Array, Limits

_LONGEST = 24
# Ticks of a logarithmic axis, and decades up to which there are some between powers of ten.
_MOST_TICKS, _DECADES = 4, 1.5


@dataclass(frozen=True)
class FigureInfo:
    """Names, scale and title of the figures of a model's samples.

    Attributes:
        title: line above each figure, such as the model and the sampler; none if empty.
        columns: names of the coordinates of vectors; their numbers if empty.
        classes: names of the classes 0, 1, ...; these numbers if empty.
        low, high: bounds of the data, which no axis exceeds.
        log: whether axes are logarithmic, for positive data; `low` is then at least 0.
    """

    title: str = ""
    columns: Sequence[str] = ()
    classes: Sequence[str] = ()
    low: float = -math.inf
    high: float = math.inf
    log: bool = False

    def name(self, k: int, dimension: int) -> str:
        """Name of coordinate `k` of vectors of some dimension."""
        if len(self.columns) == dimension:
            return _short(str(self.columns[k]))
        return "x" if dimension == 1 else f"coordinate {k + 1}"

    def class_name(self, k: int) -> str:
        """Name of a class."""
        return _short(str(self.classes[k])) if k < len(self.classes) else str(k)

    def drawn(self, x: Array) -> Array:
        """Values as they are drawn: their logarithms to base 10 on logarithmic axes."""
        if not self.log:
            return x
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log10(x))

    def limits(self, drawn: Array) -> Limits:
        """Padded range of drawn values, within the bounds."""
        low, high = style.padded_limits(drawn)
        bounds = self.drawn(np.array([self.low, self.high]))
        return max(low, float(bounds[0])), min(high, float(bounds[1]))

    @property
    def density(self) -> str:
        """Label of an axis of densities of drawn values."""
        return "density per decade" if self.log else "density"

    def label(self, axis: Axis, k: int, dimension: int) -> None:
        """Name an axis by a coordinate, with ticks in its units; its limits must be set."""
        axis.set_label_text(self.name(k, dimension))
        self.ticks(axis)

    def ticks(self, axis: Axis) -> None:
        """Write ticks in the units of the data, at powers of ten on a long logarithmic axis."""
        if self.log:
            low, high = axis.get_view_interval()
            digits = (1,) if high - low > _DECADES else (1, 2, 5)
            powers = range(math.floor(low), math.ceil(high))
            every = math.ceil(len(powers) / _MOST_TICKS)
            places = [math.log10(d) + k for k in powers if k % every == 0 for d in digits]
            axis.set_major_locator(FixedLocator([p for p in places if low <= p <= high]))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{10**value:.3g}"))

    def label_plane(self, ax: Axes, dimension: int) -> None:
        """Name both axes of a plane by the first two coordinates, with a few ticks."""
        for k, axis in enumerate((ax.xaxis, ax.yaxis)):
            axis.set_major_locator(MaxNLocator(3))
            self.label(axis, k, dimension)
            if dimension > 2 and len(self.columns) != dimension:
                axis.set_label_text(f"{self.name(k, dimension)} of {dimension}")
            axis.label.set_fontsize(8)
        ax.tick_params(labelsize=7, length=2)
        ax.label_outer()

    def entitle(self, figure: Figure, line: str = "") -> None:
        """Write the title above a figure, and one more line below it."""
        text = "\n".join(filter(None, (self.title, line)))
        if text:
            figure.suptitle(text, size=9)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
