"""Hurst indices of models, as numbers to log and in words."""

from __future__ import annotations

from torch import Tensor

from interpolants.driver.hurst import Hurst
from interpolants.neural_sde.neural_sde import NeuralSDE

# Up to this many Hurst indices are logged one by one.
_FEW = 8


def hurst_of(model: NeuralSDE) -> Tensor | None:
    """Hurst index of a model's noise, on the host, or None."""
    found = getattr(model.driver, "hurst", None)
    return found().detach().cpu() if isinstance(found, Hurst) else None


def hurst_numbers(hurst: Tensor | None) -> dict[str, float]:
    """Hurst index as numbers to log: one, each of a few, or mean and range of many."""
    if hurst is None:
        return {}
    if hurst.dim() == 0:
        return {"hurst": float(hurst)}
    if len(hurst) <= _FEW:
        return {f"hurst_{k}": value for k, value in enumerate(hurst.tolist())}
    least, mean, most = float(hurst.min()), float(hurst.mean()), float(hurst.max())
    return {"hurst_min": least, "hurst_mean": mean, "hurst_max": most}


def hurst_text(hurst: Tensor | None) -> str:
    """The Hurst index in words: one value, the range of several, or 1/2 of Brownian motion."""
    if hurst is None:
        return "1/2"
    low, high = float(hurst.min()), float(hurst.max())
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
