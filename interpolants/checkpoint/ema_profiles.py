"""Post-hoc EMA: averages of weights of any length, after training (arXiv 2312.02696, section 3).

A power-function average at step t weighs the weights of step s by

    p(s) = (gamma + 1) s^gamma / t^(gamma + 1),    0 <= s <= t,

whose length is measured by its standard deviation relative to t, the relative width

    sigma_rel = sqrt((gamma + 1) / ((gamma + 2)^2 (gamma + 3))).

Training tracks two such averages and saves them at intervals. Any other one is close to a linear
combination of the saved ones, with the coefficients that minimise the L2 distance of its profile
among those that sum to one. Without this constraint, which the paper does not have, few files
would give weights that are too small by a common factor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np
import torch
from torch import Tensor

from interpolants.utils.checks import check
from interpolants.utils.plain import check_plain
from interpolants.utils.tensor_files import check_finite_tensors, load_tensors

WIDEST = 0.25


class Profile(NamedTuple):
    """Profile of an average: its weights of steps.

    Attributes:
        step: t, the step of the average.
        gamma: its power.
    """

    step: float
    gamma: float


class _Snapshot(TypedDict):
    """Content of a file of averages."""

    sigma_rel: Sequence[float]
    weights: Sequence[Mapping[str, Tensor]]


def gamma_of(sigma_rel: float) -> float:
    """Power gamma > 0 of the profile with a relative width.

    Raises:
        ValueError: if `sigma_rel` is not in (0, 0.25].
    """
    ok = isinstance(sigma_rel, float) and 0 < sigma_rel <= WIDEST
    check(ok, "sigma_rel", f"a number in (0, {WIDEST}]", sigma_rel)
    # sigma_rel^2 (gamma + 2)^2 (gamma + 3) = gamma + 1
    inverse = sigma_rel**-2
    return float(np.roots([1.0, 7.0, 16.0 - inverse, 12.0 - inverse]).real.max())


def inner_product(a: Profile, b: Profile) -> float:
    """Integral of p_a p_b.

    It is (g_a + 1)(g_b + 1) / (g_a + g_b + 1) r^g / t, with t the later of the steps, g its power,
    and r the earlier step over t.
    """
    early, late = sorted((a, b))
    factor = (a.gamma + 1) * (b.gamma + 1) / (a.gamma + b.gamma + 1)
    return float(factor * (early.step / late.step) ** late.gamma / late.step)


def coefficients(known: Sequence[Profile], wanted: Profile) -> np.ndarray:
    """Coefficients, of sum one, of the combination of known profiles nearest to another in L2.

    Args:
        known: at least one profile, of the wanted step or before.
        wanted: any profile.

    Returns:
        A coefficient for each known profile; float64.
    """
    scales = np.array([(p.step / wanted.step) ** 0.5 for p in known])
    # Each known profile times its scale has a norm that does not depend on its step, and the last
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
    """File of the averages saved at a step."""
    return Path(folder) / f"step_{step:09d}.pt"


def snapshot_steps(folder: str | Path) -> list[int]:
    """Steps of all saved averages, in order."""
    return sorted(int(file.stem.removeprefix("step_")) for file in Path(folder).glob("step_*.pt"))


def reconstruct(
    folder: str | Path, sigma_rel: float, step: int | None = None
) -> dict[str, Tensor]:
    """Average of a relative width, from the averages that a run saved.

    Args:
        folder: folder of the run's averages, `<run>/ema`.
        sigma_rel: in (0, 0.25]; a narrower profile needs more averages near its step.
        step: latest step of the average, which is at the last saved step up to this one; the last
            saved step if None.

    Returns:
        The averaged weights by name, on the CPU.

    Raises:
        FileNotFoundError: if the run saved none, or none up to that step.
        ValueError: if `sigma_rel` is out of range, or a file holds something else.
    """
    gamma = gamma_of(sigma_rel)
    steps = [s for s in snapshot_steps(folder) if step is None or s <= step]
    if not steps:
        text = "expected averages that training saved, got none; train with power_ema=STEPS"
        raise FileNotFoundError(f"{folder}: {text}")
    contents = [_read(snapshot_file(folder, s)) for s in steps]
    known = [
        Profile(step, gamma_of(width))
        for step, content in zip(steps, contents, strict=True)
        for width in content["sigma_rel"]
    ]
    shares = coefficients(known, Profile(steps[-1], gamma)).tolist()
    averages = [weights for content in contents for weights in content["weights"]]
    _check_alike(folder, averages)
    total: dict[str, Tensor] = {}
    dtypes: dict[str, torch.dtype] = {}
    for share, weights in zip(shares, averages, strict=True):
        for name, weight in weights.items():
            dtypes[name] = weight.dtype
            so_far = total.setdefault(name, torch.zeros_like(weight, dtype=torch.float64))
            so_far.add_(weight.double(), alpha=share)
    return {name: weight.to(dtypes[name]) for name, weight in total.items()}


def _read(file: Path) -> _Snapshot:
    """Read a file as data, with memory-mapped tensors."""
    try:
        content = load_tensors(file, mmap=True)
        check_plain("", content, _Snapshot)
        widths, weights = content["sigma_rel"], content["weights"]
        check(len(widths) == len(weights), "weights", f"{len(widths)} averages", len(weights))
        for k, average in enumerate(weights):
            check_finite_tensors(f"weights[{k}]", average)
    except ValueError as error:
        rule = "expected averages that training saved"
        raise ValueError(f"{file}: {rule}, got another or damaged file ({error})") from error
    found: _Snapshot = content
    return found


def _check_alike(folder: str | Path, averages: Sequence[Mapping[str, Tensor]]) -> None:
    """Require weights of the same names and shapes in all files."""
    shapes = [{name: weight.shape for name, weight in each.items()} for each in averages]
    alike = all(each == shapes[0] for each in shapes)
    check(alike, str(folder), "averages of one network in all files", "those of several")
