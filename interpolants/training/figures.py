"""Figures of training in a run's folder."""

from __future__ import annotations

from pathlib import Path

from interpolants.plot.loss import plot_loss
from interpolants.plot.style import save


def write_figures(folder: Path) -> list[Path]:
    """Plot the logged curves, if there are any, and list all figures of training.

    Args:
        folder: folder of the run.

    Returns:
        `loss.png`, and one name with a * for the figures of samples.
    """
    figures, log = folder / "figures", folder / "metrics.csv"
    files = []
    if _has_curves(log):
        files.append(figures / "loss.png")
        save(plot_loss(log), files[-1])
    if any(figures.glob("step_*.png")):
        files.append(figures / "step_*.png")
    return files


def _has_curves(log: Path) -> bool:
    """True if training or validation was logged.

    A short run, or one continued at its end, may have logged neither.
    """
    if not log.exists():
        return False
    with open(log) as file:
        columns = file.readline().rstrip("\n").split(",")
    return any(name == "train/loss" or name.startswith("val/") for name in columns)
