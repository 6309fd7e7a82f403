"""Averaged weights of any length, made after training (arXiv 2312.02696, section 3).

A power-function average at step t weighs the weights of step s by

    p(s) = (gamma + 1) s^gamma / t^(gamma + 1),    0 <= s <= t,

whose length is told by its standard deviation as a share of t, the relative width

    sigma_rel = sqrt((gamma + 1) / ((gamma + 2)^2 (gamma + 3))).

Training keeps two such averages and writes them down now and then. Any other one is close to a
linear combination of those, with the coefficients that bring its profile nearest in L2.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from interpolants.checks import check

WIDEST = 0.25


class Profile(NamedTuple):
    """The weighing of steps by an average.

    Attributes:
        step: t, where the average was taken.
        gamma: its power.
    """

    step: int
    gamma: float


def gamma_of(sigma_rel: float) -> float:
    """The power gamma > 0 of the profile of a relative width.

    Raises:
        ValueError: if `sigma_rel` is not in (0, 0.25].
    """
    ok = isinstance(sigma_rel, float) and 0 < sigma_rel <= WIDEST
    check(ok, "sigma_rel", f"a number in (0, {WIDEST}]", sigma_rel)
    # sigma_rel^2 (gamma + 2)^2 (gamma + 3) = gamma + 1
    inverse = sigma_rel**-2
    return float(np.roots([1.0, 7.0, 16.0 - inverse, 12.0 - inverse]).real.max())


def inner_product(a: Profile, b: Profile) -> float:
    """int p_a p_b: (g_a + 1)(g_b + 1) / (g_a + g_b + 1) r^g / t with t the later of the steps, g
    its power, and r the earlier step over t."""
    early, late = sorted((a, b))
    factor = (a.gamma + 1) * (b.gamma + 1) / (a.gamma + b.gamma + 1)
    return float(factor * (early.step / late.step) ** late.gamma / late.step)


def coefficients(known: Sequence[Profile], wanted: Profile) -> np.ndarray:
    """The combination of known profiles that is nearest to another in L2; float64."""
    # In units of the wanted step, which leaves the system well scaled.
    scaled = [Profile(p.step / wanted.step, p.gamma) for p in known]  # type: ignore[arg-type]
    target = Profile(1, wanted.gamma)
    gram = np.array([[inner_product(a, b) for b in scaled] for a in scaled])
    right = np.array([inner_product(a, target) for a in scaled])
    found: np.ndarray = np.linalg.lstsq(gram, right, rcond=1e-13)[0]
    return found


def snapshot_file(folder: str | Path, step: int) -> Path:
    """Where the averages of a step are written down."""
    return Path(folder) / f"step_{step:09d}.pt"


def snapshot_steps(folder: str | Path) -> list[int]:
    """The steps whose averages are there, in order."""
    return sorted(int(file.stem.removeprefix("step_")) for file in Path(folder).glob("step_*.pt"))


def reconstruct(
    folder: str | Path, sigma_rel: float, step: int | None = None
) -> dict[str, Tensor]:
    """The average of a relative width, from those that a run wrote down.

    Args:
        folder: of the run's averages, `<run>/ema`.
        sigma_rel: in (0, 0.25]; the narrower the profile, the more it needs averages near
            its step.
        step: take it at the last step written down that is not after this one; the last of all
            if None.

    Returns:
        The averaged weights by name, in float32.

    Raises:
        FileNotFoundError: if the run wrote none down, or none by then.
        ValueError: if `sigma_rel` is out of range.
    """
    gamma = gamma_of(sigma_rel)
    steps = [s for s in snapshot_steps(folder) if step is None or s <= step]
    if not steps:
        text = "expected averages that training wrote down, got none; train with power_ema=STEPS"
        raise FileNotFoundError(f"{folder}: {text}")
    content = {s: _read(snapshot_file(folder, s)) for s in steps}
    known = [Profile(s, gamma_of(width)) for s in steps for width in content[s]["sigma_rel"]]
    shares = iter(coefficients(known, Profile(steps[-1], gamma)).tolist())
    total: dict[str, Tensor] = {}
    for s in steps:
        for weights in content[s]["weights"]:
            share = next(shares)
            for name, weight in weights.items():
                part = share * weight.double()
                total[name] = total[name] + part if name in total else part
    return {name: weight.float() for name, weight in total.items()}


def _read(path: Path) -> dict[str, Any]:
    """The averages of one step, mapped from the file rather than read."""
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    return content
