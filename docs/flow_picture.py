"""Draws the README's picture of a flow between two distributions in the plane.

    python docs/flow_picture.py outputs/moons/<time>/checkpoints/last.ckpt docs/images/flow.png

Each point keeps the colour of the angle at which it starts.
"""

from __future__ import annotations

import sys

import numpy as np

import interpolants as si
from interpolants.plot.style import new_figure, save, to_array

_TIMES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_LIMIT = 6.5


def draw(checkpoint: str, file: str) -> None:
    """Sample the flow at a few times and write the frames side by side."""
    path = si.load(checkpoint, data=True).sample(4000, times=_TIMES).path
    assert path is not None
    frames = to_array(path)
    angle = np.arctan2(frames[0, :, 1], frames[0, :, 0])
    figure = new_figure(2 * len(_TIMES), 2.25)
    axes = figure.subplots(1, len(_TIMES))
    for ax, time, points in zip(axes, _TIMES, frames, strict=True):
        ax.scatter(*points.T, c=angle, cmap="hsv", s=1.2, linewidths=0, alpha=0.7)
        ax.set(xlim=(-_LIMIT, _LIMIT), ylim=(-_LIMIT, _LIMIT), aspect="equal")
        ax.set_title(f"t = {time:.1f}", fontsize=10)
        ax.axis("off")
    save(figure, file)


if __name__ == "__main__":
    draw(*sys.argv[1:])
