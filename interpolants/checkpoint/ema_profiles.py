"""Averaged weights of any length, made after training (arXiv 2312.02696, section 3).

A power-function average at step t weighs the weights of step s by

    p(s) = (gamma + 1) s^gamma / t^(gamma + 1),    0 <= s <= t,

whose length is told by its standard deviation as a share of t, the relative width

    sigma_rel = sqrt((gamma + 1) / ((gamma + 2)^2 (gamma + 3))).

Training keeps two such averages and writes them down now and then. Any other one is close to a
linear combination of those, with the coefficients that bring its profile nearest in L2 among
those that add up to one. Without the latter, which the paper does not ask for, few files would
give weights that are too small by a common factor.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from interpolants.utils.checks import check

WIDEST = 0.25


class Profile(NamedTuple):
    """The weighing of steps by an average.

    Attributes:
        step: t, where the average was taken.
        gamma: its power.
    """

    step: float
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
    """The combination of known profiles, of sum one, that is nearest to another in L2.

    Args:
        known: at least one profile, of the wanted step or before.
        wanted: any profile.

    Returns:
        A coefficient for each known profile; float64.
    """
    scales = np.array([(p.step / wanted.step) ** 0.5 for p in known])
    # Each known profile by its scale has a norm that does not depend on its step, and the last
    # unknown is the multiplier of the constraint.
    system = np.zeros((len(known) + 1, len(known) + 1))
    system[:-1, :-1] = wanted.step * _products(known, known) * np.outer(scales, scales)
    system[:-1, -1] = system[-1, :-1] = scales
    right = np.append(wanted.step * _products(known, [wanted])[:, 0] * scales, 1)
    found: np.ndarray = scales * np.linalg.lstsq(system, right, rcond=1e-14)[0][:-1]
    return found


def _products(a: Sequence[Profile], b: Sequence[Profile]) -> np.ndarray:
    return np.array([[inner_product(p, q) for q in b] for p in a])


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
        The averaged weights by name, on the CPU.

    Raises:
        FileNotFoundError: if the run wrote none down, or none by then.
        ValueError: if `sigma_rel` is out of range, or a file holds something else.
    """
    gamma = gamma_of(sigma_rel)
    steps = [s for s in snapshot_steps(folder) if step is None or s <= step]
    if not steps:
        text = "expected averages that training wrote down, got none; train with power_ema=STEPS"
        raise FileNotFoundError(f"{folder}: {text}")
    files = [snapshot_file(folder, s) for s in steps]
    widths = [_read(file)["sigma_rel"] for file in files]
    known = [Profile(s, gamma_of(w)) for s, each in zip(steps, widths, strict=True) for w in each]
    shares = coefficients(known, Profile(steps[-1], gamma)).tolist()
    total: dict[str, Tensor] = {}
    dtypes: dict[str, torch.dtype] = {}
    for share, weights in zip(shares, _averages(files), strict=True):
        for name, weight in weights.items():
            dtypes[name] = weight.dtype
            so_far = total.setdefault(name, torch.zeros_like(weight, dtype=torch.float64))
            so_far.add_(weight.double(), alpha=share)
    return {name: weight.to(dtypes[name]) for name, weight in total.items()}


def _averages(files: Sequence[Path]) -> Iterator[dict[str, Tensor]]:
    """The averages in files, one file at a time."""
    for file in files:
        yield from _read(file)["weights"]


def _read(file: Path) -> dict[str, Any]:
    """A file's content, as data; tensors are mapped, and read where they are used."""
    try:
        content = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError):
        content = None
    if not isinstance(content, dict) or not {"sigma_rel", "weights"} <= set(content):
        raise ValueError(f"{file}: expected averages that training wrote down, got another file")
    return content
