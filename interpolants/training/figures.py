"""The pictures of training in a run's folder."""

from __future__ import annotations

from pathlib import Path

from interpolants.plot.loss import plot_loss
from interpolants.plot.style import save


def write_figures(folder: Path) -> list[Path]:
    """Draw what was logged, if anything was, and list all pictures of training.

    Args:
        folder: the run's.

    Returns:
        `loss.png`, and one name with a * for those that were drawn at steps.
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
    """Whether training or validation was logged: a short run, or one continued at its end, may
    have come to neither."""
    if not log.exists():
        return False
    with open(log) as file:
        columns = file.readline().rstrip("\n").split(",")
    return any(name == "train/loss" or name.startswith("val/") for name in columns)
