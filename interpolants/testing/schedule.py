"""Contracts of functions of time: diffusivities, weights and grids."""

from __future__ import annotations

import torch
from torch import Tensor

from interpolants.interpolant.base import AffineInterpolant
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.objective.weight.base import Weight
from interpolants.sampler.epsilon.base import Epsilon
from interpolants.sampler.grid.base import Grid, LogSNR
from interpolants.testing.common import interior, require, require_close


def check_epsilon(epsilon: Epsilon) -> None:
    """epsilon >= 0 inside (0, 1), and its ratio to the noise level is that ratio."""
    paths = (LinearInterpolant(), OneSidedLinearInterpolant())
    accepted = [_check_epsilon_on(epsilon, path) for path in paths]
    require(any(accepted), "epsilon: refused on a two-sided and on a one-sided linear path")


def _check_epsilon_on(epsilon: Epsilon, path: AffineInterpolant) -> bool:
    """Check on one path; whether the epsilon accepts it."""
    try:
        epsilon.check(path)
    except ValueError:
        return False
    for t in (interior(), interior()[3], interior().float()):
        c = path.coefficients(t)
        level = path.noise_level(c)
        value, ratio = epsilon.value(t, c, level), epsilon.ratio(t, c, level)
        require(value.shape == t.shape, f"epsilon of times of shape {tuple(t.shape)}")
        require(value.dtype == t.dtype and ratio.dtype == t.dtype, "epsilon: dtype not kept")
        require(bool((value >= 0).all()) and bool((value > 0).any()), "epsilon: not positive")
        tolerance = 1e-12 if t.dtype == torch.float64 else 1e-5
        require_close(ratio, value / level, "epsilon.ratio against value / level", tolerance)
    return True


def check_weight(weight: Weight) -> None:
    """w > 0 inside (0, 1) for times of any shape, and `apply` multiplies losses by it."""
    is_one = bool((weight.value(interior()) == 1).all())
    require(weight.is_one == is_one, f"weight.is_one: {weight.is_one} but should be {is_one}")
    for t in (interior(), interior()[3], interior()[:10].view(2, 5), interior().float()):
        value = weight.value(t)
        require(value.shape == t.shape, f"weight of times of shape {tuple(t.shape)}")
        require(value.dtype == t.dtype, f"weight of {t.dtype} times: {value.dtype}")
        require(bool(value.isfinite().all()) and bool((value > 0).all()), "weight: not positive")
        loss = torch.sin(7 * t) + 2
        require_close(weight.apply(t, loss), value * loss, "weight.apply against value * loss")


def check_grid(grid: Grid) -> None:
    """Nodes are float64, increase (or decrease), and hit both ends and all requested times.

    This holds for every number of steps, or for the only one that the grid has, and on two-sided
    paths unless the grid is one of one-sided paths alone, where it must hold then.
    """
    log_snr = OneSidedLinearInterpolant().log_snr
    counts = [n for n in range(1, 65) if _has_nodes(grid, n, log_snr)]
    require(len(counts) in (1, 64), f"grid: {len(counts)} numbers of steps out of 64")
    counts = [n for n in (1, 2, 7, 64) if n in counts] if len(counts) > 1 else counts
    everywhere = _has_nodes(grid, counts[0], None)
    for num_steps in counts:
        for path in (None, log_snr) if everywhere else (log_snr,):
            for span in ((0.0, 1.0), (1e-3, 1 - 1e-3)):
                _check_grid_on(grid, num_steps, span, path)


def _has_nodes(grid: Grid, num_steps: int, log_snr: LogSNR | None) -> bool:
    """True if the grid accepts the number of steps and the path."""
    try:
        grid.nodes(num_steps, (0.0, 1.0), log_snr)
    except ValueError:
        return False
    return True


def _check_grid_on(
    grid: Grid, num_steps: int, span: tuple[float, float], log_snr: LogSNR | None
) -> None:
    for through in (None, torch.tensor([]), torch.tensor([0.5, 0.25, 0.31]), interior()):
        for backward in (False, True):
            times = grid.times(
                num_steps, span, backward=backward, through=through, log_snr=log_snr
            )
            _check_nodes(times, num_steps, span, through, backward)


def _check_nodes(
    times: Tensor,
    num_steps: int,
    span: tuple[float, float],
    through: Tensor | None,
    backward: bool,
) -> None:
    require(times.dtype == torch.float64 and times.device.type == "cpu", "grid: float64 on host")
    ascending = times.flip(0) if backward else times
    steps = ascending.diff()
    require(bool((steps > 0).all()), "grid: not strictly monotone")
    require((float(ascending[0]), float(ascending[-1])) == span, "grid: ends are not exact")
    wanted = set() if through is None else set(through.double().tolist())
    require(wanted <= set(times.tolist()), "grid: a requested time is no node")
    fewest = num_steps + 1
    require(fewest <= len(times) <= fewest + len(wanted), f"grid: {len(times)} nodes")
    require(float(steps.min()) > 1e-8, "grid: a step that is nothing but rounding")
