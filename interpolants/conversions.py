"""Fields as linear combinations of the state and of what a network predicts.

Every field is a combination of x and of the predictions, with coefficients that depend on time
alone. A conversion is therefore a short table of coefficients, and conversions compose by adding
and scaling tables (arXiv 2303.08797, sections 2 to 4). The hub of a two-sided path is the pair
(mean velocity v, denoiser eta); that of a one-sided path is (denoiser, target mean):

    two-sided   velocity = v - gamma gamma_dot score          score = -denoiser / gamma
                alpha E[x0|x] + beta E[x1|x] = x - gamma denoiser
    one-sided   velocity = alpha_dot denoiser + beta_dot target_mean
                alpha denoiser + beta target_mean = x         score = -denoiser / alpha
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from interpolants.interpolant.base import AffineInterpolant, Coefficients, Interpolant
from interpolants.shapes import expand_time

# Coefficients by name, where "x" names the state and any other key a prediction. A float is a
# coefficient that does not depend on time.
Combination = dict[str, Tensor | float]


def convert(
    name: str, path: Interpolant, c: Coefficients, predicts: Sequence[str]
) -> Combination | None:
    """A field that is not predicted itself, or None if it does not follow on this path.

    Args:
        name: the field.
        path: the path.
        c: its coefficients, at times of any shape.
        predicts: the fields that are predicted.
    """
    combine = _one_sided if path.one_sided else _two_sided
    return combine(name, path, c, predicts)


def apply_combination(
    combination: Combination, x: Tensor, predictions: dict[str, Tensor]
) -> Tensor:
    """Evaluate a combination; coefficients are floats, 0-d, or (B,)."""
    total: Tensor | None = None
    for name, coefficient in combination.items():
        value = x if name == "x" else predictions[name]
        if isinstance(coefficient, Tensor):
            scale = expand_time(coefficient, x)
            total = scale * value if total is None else torch.addcmul(total, scale, value)
        else:
            term = value if coefficient == 1 else coefficient * value
            total = term if total is None else total + term
    return torch.zeros_like(x) if total is None else total


def scale(factor: Tensor | float, combination: Combination) -> Combination:
    """The combination times a function of time."""
    return {name: factor * coefficient for name, coefficient in combination.items()}


def add(*combinations: Combination) -> Combination:
    """The sum of combinations."""
    total: Combination = {}
    for combination in combinations:
        for name, coefficient in combination.items():
            total[name] = total[name] + coefficient if name in total else coefficient
    return total


def _one_sided(
    name: str, path: Interpolant, c: Coefficients, predicts: Sequence[str]
) -> Combination | None:
    """A field from the hub (denoiser, target mean) of a one-sided path."""
    delta = c.determinant
    velocity = "velocity" if "velocity" in predicts else "mean_velocity"
    denoiser: Combination
    if "denoiser" in predicts:
        denoiser = {"denoiser": 1.0}
    elif "score" in predicts:
        denoiser = {"score": -c.alpha}
    elif velocity in predicts:
        denoiser = {"x": c.beta_dot / delta, velocity: -c.beta / delta}
    else:
        denoiser = {"x": 1 / c.alpha, "target_mean": -c.beta / c.alpha}
    target_mean: Combination
    if "target_mean" in predicts:
        target_mean = {"target_mean": 1.0}
    elif velocity in predicts:
        target_mean = {"x": -c.alpha_dot / delta, velocity: c.alpha / delta}
    else:
        target_mean = add({"x": 1 / c.beta}, scale(-c.alpha / c.beta, denoiser))
    if name in ("velocity", "mean_velocity"):
        if velocity in predicts:
            return {velocity: 1.0}
        return add(scale(c.alpha_dot, denoiser), scale(c.beta_dot, target_mean))
    if name == "score":
        return scale(-1 / c.alpha, denoiser)
    return denoiser if name == "denoiser" else target_mean


def _two_sided(
    name: str, path: Interpolant, c: Coefficients, predicts: Sequence[str]
) -> Combination | None:
    """A field from the hub (mean velocity, denoiser) of a two-sided path, or None."""
    eta: Combination | None = None
    if "denoiser" in predicts:
        eta = {"denoiser": 1.0}
    elif "score" in predicts:
        eta = {"score": -c.gamma}
    if name == "denoiser":
        return eta
    if name == "score":
        return None if eta is None else scale(-1 / c.gamma, eta)
    # gamma E[z | xt], and E[gamma_dot z | xt]: from a score through the product gamma gamma_dot.
    if path.gamma.is_zero:
        noise: Combination | None = {}
        noise_dot: Combination | None = {}
    elif eta is None:
        noise = noise_dot = None
    else:
        noise = scale(c.gamma, eta)
        with_score = "denoiser" not in predicts
        noise_dot = {"score": -c.gamma_gamma_dot} if with_score else scale(c.gamma_dot, eta)
    v = _mean_velocity(path, c, predicts, noise, noise_dot)
    if name == "mean_velocity":
        return v
    if name == "velocity":
        return None if v is None or noise_dot is None else add(v, noise_dot)
    return None if v is None or noise is None else _target_mean(path, c, noise, v)


def _mean_velocity(
    path: Interpolant,
    c: Coefficients,
    predicts: Sequence[str],
    noise: Combination | None,
    noise_dot: Combination | None,
) -> Combination | None:
    """E[dI/dt | xt] on a two-sided path."""
    if "mean_velocity" in predicts:
        return {"mean_velocity": 1.0}
    if path.is_mirror:
        return {}
    if "velocity" in predicts and noise_dot is not None:
        return add({"velocity": 1.0}, scale(-1.0, noise_dot))
    if "target_mean" in predicts and noise is not None and _determinate(path):
        ratio = c.alpha_dot / c.alpha
        known: Combination = {"x": ratio, "target_mean": c.determinant / c.alpha}
        return add(known, scale(-ratio, noise))
    return None


def _target_mean(
    path: Interpolant, c: Coefficients, noise: Combination, v: Combination
) -> Combination | None:
    """E[x1 | xt] on a two-sided path, from the mean velocity."""
    if path.is_mirror:
        return add({"x": 1.0}, scale(-1.0, noise))
    if not _determinate(path):
        return None
    ratio = c.alpha_dot / c.determinant
    known = add({"x": -ratio}, scale(ratio, noise))
    return add(known, scale(c.alpha / c.determinant, v))


def _determinate(path: Interpolant) -> bool:
    return isinstance(path, AffineInterpolant) and path.determinate
