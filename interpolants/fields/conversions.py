"""Fields as linear combinations of the state and the predictions of a network.

Every field is a combination of x and the predictions, with coefficients that depend only on
time. A conversion is therefore a short table of coefficients, and conversions compose by adding
and scaling tables (arXiv 2303.08797, sections 2 to 4). The hub of a two-sided path is the pair
(mean velocity v, denoiser eta); that of a one-sided path is (denoiser, target mean):

    two-sided   velocity = v - gamma gamma_dot score          score = -denoiser / gamma
                alpha E[x0|x] + beta E[x1|x] = x - shift - gamma denoiser
    one-sided   velocity = alpha_dot denoiser + beta_dot target_mean + shift_dot
                alpha denoiser + beta target_mean = x - shift
                score = -denoiser / alpha
    both        multiplicative_score = score - 1
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from interpolants.interpolant.base import AffineInterpolant, Coefficients, Interpolant
from interpolants.utils.shapes import expand_time

# Coefficients by name, where "x" names the state, "one" the constant 1, and any other key a
# prediction. A float is a coefficient that does not depend on time.
Combination = dict[str, Tensor | float]


def convert(
    name: str, path: Interpolant, c: Coefficients, predicts: Sequence[str]
) -> Combination | None:
    """Combination for a field that is not predicted, or None if it does not follow on this path.

    Args:
        name: the field.
        path: the path.
        c: its coefficients, at times of any shape.
        predicts: the fields that are predicted.
    """
    if name == "multiplicative_score":
        score = convert("score", path, c, predicts)
        return None if score is None else add(score, {"one": -1.0})
    if name == "score" and _predicted_score(predicts):
        return _predicted_score(predicts)
    combine = _one_sided if path.one_sided else _two_sided
    return combine(name, path, c, predicts)


def apply_combination(
    combination: Combination, x: Tensor, predictions: dict[str, Tensor]
) -> Tensor:
    """Evaluate a combination; coefficients are floats, 0-d, or (B,)."""
    values = [None if k == "one" else x if k == "x" else predictions[k] for k in combination]
    terms = [(k, k) for k in range(len(values))]
    return weighted_sum(terms, list(combination.values()), values, x)


def weighted_sum(
    terms: Sequence[tuple[int, int]],
    coefficients: Sequence[Tensor | float],
    values: Sequence[Tensor | None],
    x: Tensor,
) -> Tensor:
    """Sum of coefficients times values, (B, *event).

    Args:
        terms: places of the coefficient and the value of each term.
        coefficients: floats, 0-d, or (B,).
        values: each (B, *event), or None for the constant 1, whose term is added last.
        x: state, (B, *event).
    """
    total: Tensor | None = None
    constant: Tensor | float | None = None
    for column, place in terms:
        factor, value = coefficients[column], values[place]
        if isinstance(factor, Tensor) and factor.dim():
            factor = expand_time(factor, x)
        if value is None:
            constant = factor
        elif isinstance(factor, Tensor):
            total = factor * value if total is None else torch.addcmul(total, factor, value)
        else:
            term = value if factor == 1 else factor * value
            total = term if total is None else total + term
    total = torch.zeros_like(x) if total is None else total
    return total if constant is None else total + constant


def scale(factor: Tensor | float, combination: Combination) -> Combination:
    """Multiply a combination by a function of time."""
    return {name: factor * coefficient for name, coefficient in combination.items()}


def add(*combinations: Combination) -> Combination:
    """Add combinations."""
    total: Combination = {}
    for combination in combinations:
        for name, coefficient in combination.items():
            total[name] = total[name] + coefficient if name in total else coefficient
    return total


def _predicted_score(predicts: Sequence[str]) -> Combination:
    """Score from a prediction that differs from it by a constant; empty if there is none."""
    if "score" in predicts:
        return {"score": 1.0}
    if "multiplicative_score" in predicts:
        return {"multiplicative_score": 1.0, "one": 1.0}
    return {}


def _plus(combination: Combination, path: Interpolant, constant: Tensor) -> Combination:
    """Add a constant that comes from the path's shift; nothing on a path without shift."""
    if isinstance(path, AffineInterpolant) and path.shifted:
        return add(combination, {"one": constant})
    return combination


def _one_sided(
    name: str, path: Interpolant, c: Coefficients, predicts: Sequence[str]
) -> Combination | None:
    """Combination for a field from the hub (denoiser, target mean) of a one-sided path."""
    delta, score = c.determinant, _predicted_score(predicts)
    velocity = "velocity" if "velocity" in predicts else "mean_velocity"
    x = _plus({"x": 1.0}, path, -c.shift)
    rate = _plus({velocity: 1.0}, path, -c.shift_dot)
    if "denoiser" in predicts:
        denoiser: Combination = {"denoiser": 1.0}
    elif score:
        denoiser = scale(-c.alpha, score)
    elif velocity in predicts:
        denoiser = add(scale(c.beta_dot / delta, x), scale(-c.beta / delta, rate))
    else:
        denoiser = add(scale(1 / c.alpha, x), {"target_mean": -c.beta / c.alpha})
    if "target_mean" in predicts:
        target_mean: Combination = {"target_mean": 1.0}
    elif velocity in predicts:
        target_mean = add(scale(-c.alpha_dot / delta, x), scale(c.alpha / delta, rate))
    else:
        target_mean = add(scale(1 / c.beta, x), scale(-c.alpha / c.beta, denoiser))
    if name in ("velocity", "mean_velocity"):
        if velocity in predicts:
            return {velocity: 1.0}
        moved = add(scale(c.alpha_dot, denoiser), scale(c.beta_dot, target_mean))
        return _plus(moved, path, c.shift_dot)
    if name == "score":
        return scale(-1 / c.alpha, denoiser)
    return denoiser if name == "denoiser" else target_mean


def _two_sided(
    name: str, path: Interpolant, c: Coefficients, predicts: Sequence[str]
) -> Combination | None:
    """Combination for a field from the hub (mean velocity, denoiser) of a two-sided path."""
    eta: Combination | None = None
    score = _predicted_score(predicts)
    if "denoiser" in predicts:
        eta = {"denoiser": 1.0}
    elif score:
        eta = scale(-c.gamma, score)
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
        noise_dot = scale(-c.gamma_gamma_dot, score) if with_score else scale(c.gamma_dot, eta)
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
    """Combination for E[dI/dt | xt] on a two-sided path."""
    if "mean_velocity" in predicts:
        return {"mean_velocity": 1.0}
    if path.is_mirror:
        return {}
    if "velocity" in predicts and noise_dot is not None:
        return add({"velocity": 1.0}, scale(-1.0, noise_dot))
    if "target_mean" in predicts and noise is not None and _determinate(path):
        ratio = c.alpha_dot / c.alpha
        known = scale(ratio, _plus({"x": 1.0}, path, -c.shift))
        known = add(known, {"target_mean": c.determinant / c.alpha}, scale(-ratio, noise))
        return _plus(known, path, c.shift_dot)
    return None


def _target_mean(
    path: Interpolant, c: Coefficients, noise: Combination, v: Combination
) -> Combination | None:
    """Combination for E[x1 | xt] on a two-sided path, from the mean velocity."""
    if path.is_mirror:
        return add({"x": 1.0}, scale(-1.0, noise))
    if not _determinate(path):
        return None
    ratio = c.alpha_dot / c.determinant
    known = scale(-ratio, _plus({"x": 1.0}, path, -c.shift))
    moved = scale(c.alpha / c.determinant, _plus(v, path, -c.shift_dot))
    return add(known, scale(ratio, noise), moved)


def _determinate(path: Interpolant) -> bool:
    return isinstance(path, AffineInterpolant) and path.determinate
