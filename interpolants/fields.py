"""What the networks predict, and the one hub of conversions between fields.

Every field is a combination of x and of what the network predicts, with coefficients that depend
on time alone. A conversion is therefore a short table of coefficients, and conversions compose
by adding and scaling tables (arXiv 2303.08797, sections 2 to 4). The hub of a two-sided path is
the pair (mean velocity v, denoiser eta); that of a one-sided path is (denoiser, target mean):

    two-sided   velocity = v - gamma gamma_dot score          score = -denoiser / gamma
                alpha E[x0|x] + beta E[x1|x] = x - gamma denoiser
    one-sided   velocity = alpha_dot denoiser + beta_dot target_mean
                alpha denoiser + beta target_mean = x         score = -denoiser / alpha

The score exists only where the path has Gaussian noise of its own: latent noise gamma > 0 with a
learned denoiser, or a standard normal base under an independent coupling on a one-sided path.
Everything else is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from interpolants.base.base import Base
from interpolants.base.gaussian import GaussianBase
from interpolants.checks import check
from interpolants.coupling.base import Coupling
from interpolants.coupling.independent import IndependentCoupling
from interpolants.interpolant.base import AffineInterpolant, Coefficients, Interpolant
from interpolants.shapes import expand_time

FIELDS = ("velocity", "mean_velocity", "denoiser", "score", "target_mean")

# Coefficients by name, where "x" names the state and any other key a prediction. A float is a
# coefficient that does not depend on time.
Combination = dict[str, Tensor | float]


@final
class Fields(nn.Module):
    """A network, the path it was trained on, and every field that follows from the two.

    Args:
        net: called as `net(t, x)`, t 0-d or (B,), x (B, *event); returns (B, heads, *event),
            one head per predicted field.
        interpolant: the path.
        predicts: names of the fields that the heads predict, in order, out of `FIELDS`.
        base: law of x0; decides whether a one-sided path has a score.
        coupling: how x0 and x1 are paired; likewise.

    Raises:
        ValueError: if `predicts` names something else, is empty, or repeats a name.
    """

    def __init__(
        self,
        *,
        net: nn.Module,
        interpolant: Interpolant,
        predicts: Sequence[str],
        base: Base | None = None,
        coupling: Coupling | None = None,
    ) -> None:
        super().__init__()
        known = bool(predicts) and all(name in FIELDS for name in predicts)
        check(
            known and len(set(predicts)) == len(predicts),
            "Fields.predicts",
            f"distinct names out of {FIELDS}",
            tuple(predicts),
        )
        self.net = net
        self.interpolant = interpolant
        self.predicts = tuple(predicts)
        self.base = GaussianBase() if base is None else base
        self.coupling = IndependentCoupling() if coupling is None else coupling

    def predict(self, t: Tensor, x: Tensor) -> dict[str, Tensor]:
        """The network's heads by name, each (B, *event), in x's dtype; t is 0-d or (B,)."""
        heads = self.net(t, x).to(x.dtype).unbind(1)
        return dict(zip(self.predicts, heads, strict=True))

    def evaluate(self, t: Tensor, x: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Several fields from one call of the network, each (B, *event)."""
        predictions = self.predict(t, x)
        return {
            name: apply_combination(self.combination(name, t), x, predictions) for name in names
        }

    def velocity(self, t: Tensor, x: Tensor) -> Tensor:
        """b(t, x) = E[xt_dot | xt = x], (B, *event)."""
        return self.evaluate(t, x, ["velocity"])["velocity"]

    def mean_velocity(self, t: Tensor, x: Tensor) -> Tensor:
        """v(t, x) = E[dI/dt | xt = x], (B, *event)."""
        return self.evaluate(t, x, ["mean_velocity"])["mean_velocity"]

    def denoiser(self, t: Tensor, x: Tensor) -> Tensor:
        """eta(t, x) = E[z | xt = x], (B, *event)."""
        return self.evaluate(t, x, ["denoiser"])["denoiser"]

    def score(self, t: Tensor, x: Tensor) -> Tensor:
        """s(t, x) = grad log p_t(x), (B, *event)."""
        return self.evaluate(t, x, ["score"])["score"]

    def target_mean(self, t: Tensor, x: Tensor) -> Tensor:
        """E[x1 | xt = x], (B, *event)."""
        return self.evaluate(t, x, ["target_mean"])["target_mean"]

    def coefficients(self, t: Tensor) -> Coefficients:
        """Path coefficients at t; alpha and beta are NaN for a path that is not affine."""
        path = self.interpolant
        if isinstance(path, AffineInterpolant):
            return path.coefficients(t)
        gamma, unknown = path.gamma, torch.full_like(t, torch.nan)
        return Coefficients(
            unknown, unknown, gamma.value(t), unknown, unknown, gamma.dot(t), gamma.value_dot(t)
        )

    def noise_level(self, c: Coefficients) -> Tensor:
        """Level of the path's own Gaussian noise: alpha on a one-sided path, else gamma."""
        return c.alpha if self.interpolant.one_sided else c.gamma

    def check(self, name: str) -> None:
        """Raise a ValueError, naming what is missing, if the field cannot be derived."""
        self.combination(name, torch.tensor(0.25, dtype=torch.float64))

    def combination(self, name: str, t: Tensor) -> Combination:
        """The field as coefficients over x and the predictions, at times t of any shape.

        Raises:
            ValueError: if the field does not follow from what is predicted on this path.
        """
        check(name in FIELDS, "Fields", f"a field out of {FIELDS}", name)
        if name == "score" or ("score" in self.predicts and name not in self.predicts):
            self._check_score()
        if name in self.predicts:
            return {name: 1.0}
        c = self.coefficients(t)
        combine = _one_sided if self.interpolant.one_sided else _two_sided
        combination = combine(name, c, self)
        check(
            combination is not None,
            f"Fields.{name}",
            f"a {name} that follows from the predictions on this path",
            f"predicts {self.predicts} on {type(self.interpolant).__name__}",
            "train with objective=velocity_and_denoiser, or an objective that predicts it",
        )
        assert combination is not None
        return combination

    def _check_score(self) -> None:
        path = self.interpolant
        if path.one_sided:
            check(
                self.base.standard_normal,
                "Fields.score",
                "a standard normal base on a one-sided path",
                type(self.base).__name__,
                "use base=gaussian, or a two-sided interpolant with objective="
                "velocity_and_denoiser",
            )
            check(
                self.coupling.independent,
                "Fields.score",
                "an independent coupling on a one-sided path",
                type(self.coupling).__name__,
                "under this coupling x0 is not Gaussian given x1 and the velocity determines "
                "no score; use coupling=independent, or a two-sided interpolant with gamma > 0",
            )
            return
        check(
            not path.gamma.is_zero,
            "Fields.score",
            "latent noise gamma > 0 on a two-sided path",
            type(path.gamma).__name__,
            "choose another interpolant/gamma, or a one-sided interpolant",
        )


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


def _one_sided(name: str, c: Coefficients, fields: Fields) -> Combination | None:
    """A field from the hub (denoiser, target mean) of a one-sided path."""
    predicts, delta = fields.predicts, c.determinant
    velocity = "velocity" if "velocity" in predicts else "mean_velocity"

    def denoiser() -> Combination:
        if "denoiser" in predicts:
            return {"denoiser": 1.0}
        if "score" in predicts:
            return {"score": -c.alpha}
        if velocity in predicts:
            return {"x": c.beta_dot / delta, velocity: -c.beta / delta}
        return {"x": 1 / c.alpha, "target_mean": -c.beta / c.alpha}

    def target_mean() -> Combination:
        if "target_mean" in predicts:
            return {"target_mean": 1.0}
        if velocity in predicts:
            return {"x": -c.alpha_dot / delta, velocity: c.alpha / delta}
        return add({"x": 1 / c.beta}, scale(-c.alpha / c.beta, denoiser()))

    if name in ("velocity", "mean_velocity"):
        if velocity in predicts:
            return {velocity: 1.0}
        return add(scale(c.alpha_dot, denoiser()), scale(c.beta_dot, target_mean()))
    if name == "score":
        return scale(-1 / c.alpha, denoiser())
    return denoiser() if name == "denoiser" else target_mean()


def _two_sided(name: str, c: Coefficients, fields: Fields) -> Combination | None:
    """A field from the hub (mean velocity, denoiser) of a two-sided path, or None."""
    path, predicts = fields.interpolant, fields.predicts
    no_noise = path.gamma.is_zero
    determinate = isinstance(path, AffineInterpolant) and path.determinate

    def denoiser() -> Combination | None:
        if "denoiser" in predicts:
            return {"denoiser": 1.0}
        return {"score": -c.gamma} if "score" in predicts else None

    def latent_velocity() -> Combination | None:
        """E[gamma_dot z | xt]: from a score through the product gamma gamma_dot."""
        if no_noise:
            return {}
        if "score" in predicts:
            return {"score": -c.gamma_gamma_dot}
        eta = denoiser()
        return None if eta is None else scale(c.gamma_dot, eta)

    def mean_velocity() -> Combination | None:
        if "mean_velocity" in predicts:
            return {"mean_velocity": 1.0}
        if path.is_mirror:
            return {}
        latent, eta = latent_velocity(), {} if no_noise else denoiser()
        if "velocity" in predicts and latent is not None:
            return add({"velocity": 1.0}, scale(-1.0, latent))
        if "target_mean" in predicts and eta is not None and determinate:
            ratio = c.alpha_dot / c.alpha
            known: Combination = {"x": ratio, "target_mean": c.determinant / c.alpha}
            return add(known, scale(-ratio * c.gamma, eta))
        return None

    def target_mean() -> Combination | None:
        v, eta = mean_velocity(), {} if no_noise else denoiser()
        if v is None or eta is None:
            return None
        if path.is_mirror:
            return add({"x": 1.0}, scale(-c.gamma, eta))
        if not determinate:
            return None
        ratio = c.alpha_dot / c.determinant
        known = add({"x": -ratio}, scale(ratio * c.gamma, eta))
        return add(known, scale(c.alpha / c.determinant, v))

    if name == "velocity":
        v, latent = mean_velocity(), latent_velocity()
        return None if v is None or latent is None else add(v, latent)
    if name == "mean_velocity":
        return mean_velocity()
    if name == "target_mean":
        return target_mean()
    eta = denoiser()
    if eta is None or name == "denoiser":
        return eta
    return scale(-1 / c.gamma, eta)
