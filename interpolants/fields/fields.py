"""What the networks predict, and every field that follows from it.

The score exists only where the path has Gaussian noise of its own: latent noise gamma > 0 with a
learned denoiser, or a standard normal base under an independent coupling on a one-sided path.
Everything else is refused by name. The conversions themselves are in `conversions`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from interpolants.base.base import Base
from interpolants.base.gaussian import GaussianBase
from interpolants.coupling.base import Coupling
from interpolants.coupling.independent import IndependentCoupling
from interpolants.fields.conditioned import ConditionedNetwork
from interpolants.fields.conversions import Combination, apply_combination, convert
from interpolants.fields.guidance.base import Guidance
from interpolants.fields.preconditioning import Preconditioning
from interpolants.interpolant.base import AffineInterpolant, Coefficients, Interpolant
from interpolants.net.condition import Condition
from interpolants.utils.checks import check

FIELDS = (
    "velocity",
    "mean_velocity",
    "denoiser",
    "score",
    "target_mean",
    "multiplicative_score",
)
# The root mean square of what a path leaves of the data at its beginning, in units of its noise.
_MOST_SIGNAL = 0.3
_SCORES = ("score", "multiplicative_score")


@final
class Fields(nn.Module):
    """A network, the path it was trained on, and every field that follows from the two.

    Args:
        net: called as `net(t, x)`, t 0-d or (B,), x (B, *event); returns (B, heads, *event),
            one head per predicted field. With a third argument, a `Condition`, once one is given.
        interpolant: the path.
        predicts: names of the fields that the heads predict, in order, out of `FIELDS`.
        base: law of x0; decides whether a one-sided path has a score.
        coupling: how x0 and x1 are paired; likewise.
        preconditioning: what the network is fed and what is made of its output; nothing if None.

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
        preconditioning: Preconditioning | None = None,
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
        self.preconditioning = preconditioning
        if preconditioning is not None:
            preconditioning.check(interpolant, self.predicts)

    def condition_on(self, condition: Condition, guidance: Guidance | None = None) -> Fields:
        """The fields for samples of a condition, guided if asked; called as (t, x) like these.

        They share all weights. The condition is of B samples; in a batch of k B rows, the rows
        i, i + B, ... are about sample i.
        """
        return Fields(
            net=ConditionedNetwork(self.net, condition, guidance),
            interpolant=self.interpolant,
            predicts=self.predicts,
            base=self.base,
            coupling=self.coupling,
            preconditioning=self.preconditioning,
        )

    @property
    def is_conditioned(self) -> bool:
        """Whether the fields are those of given samples."""
        return isinstance(self.net, ConditionedNetwork)

    @property
    def networks(self) -> Sequence[nn.Module]:
        """The networks that an evaluation calls, once each."""
        return self.net.networks if isinstance(self.net, ConditionedNetwork) else [self.net]

    def predict(self, t: Tensor, x: Tensor) -> dict[str, Tensor]:
        """What is predicted by name, each (B, *event), in x's dtype; t is 0-d or (B,)."""
        return dict(zip(self.predicts, self._heads(t, x).unbind(1), strict=True))

    def _heads(self, t: Tensor, x: Tensor) -> Tensor:
        """All predictions, (B, heads, *event), in x's dtype."""
        if self.preconditioning is None:
            heads: Tensor = self.net(t, x)
            return heads.to(x.dtype)
        return self.preconditioning(self.net, self.interpolant, self.predicts, t, x)

    def evaluate(self, t: Tensor, x: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Several fields from one call of the network, each (B, *event)."""
        predictions = self.predict(t, x)
        return {
            name: apply_combination(self.combination(name, t), x, predictions) for name in names
        }

    def evaluate_stacked(self, t: Tensor, x: Tensor, names: Sequence[str]) -> Tensor:
        """Several fields from one call of the network, (B, fields, *event)."""
        if tuple(names) == self.predicts:
            return self._heads(t, x)
        return torch.stack(list(self.evaluate(t, x, names).values()), dim=1)

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

    def multiplicative_score(self, t: Tensor, x: Tensor) -> Tensor:
        """h(t, x) = grad log p_t(x) - 1, (B, *event), where x is the chart's y = log X.

        That is X * grad log of the density of X = exp(y), which arXiv 2510.02730 calls the
        Hyvarinen score. If data are scaled in the chart, X is exp of the networks' coordinate,
        not the data.
        """
        return self.evaluate(t, x, ["multiplicative_score"])["multiplicative_score"]

    def fit_base(self, x1: Tensor, label: Tensor | None) -> None:
        """Let the base take what it needs from training data, in the networks' units.

        Warns where the path leaves more of the data at t=0 than a start from x0 may leave out.
        """
        path, zero = self.interpolant, torch.zeros((), dtype=torch.float64)
        signal = 0.0
        if path.one_sided and isinstance(path, AffineInterpolant):
            c = path.coefficients(zero)
            signal = float(c.beta / c.alpha)
        self.base.fit(x1, label, signal)
        rest = signal * float(x1.square().mean().sqrt())
        if rest > _MOST_SIGNAL and type(self.base).start is Base.start:
            name = type(path).__name__
            warnings.warn(
                f"Fields.base: {name} begins with data {rest:.2g} times as large as its noise, "
                f"which samples that start from {type(self.base).__name__} lack; use "
                "base=fitted, or more noise",
                stacklevel=2,
            )

    def base_state(self, x0: Tensor) -> Tensor:
        """Where the path begins: shift(0) + alpha(0) x0 on a one-sided path, else x0."""
        shift, level = self._beginning(x0)
        return torch.addcmul(shift, level, x0)

    def base_sample(self, x: Tensor) -> Tensor:
        """The x0 whose path begins at x, (B, *event)."""
        shift, level = self._beginning(x)
        return (x - shift) / level

    def base_log_prob(self, x: Tensor) -> Tensor:
        """The log density of beginnings at x, (B,)."""
        _, level = self._beginning(x)
        return self.base.log_prob(self.base_sample(x)) - x[0].numel() * level.log()

    def _beginning(self, like: Tensor) -> tuple[Tensor, Tensor]:
        path, zero = self.interpolant, torch.zeros((), dtype=torch.float64)
        if not (path.one_sided and isinstance(path, AffineInterpolant)):
            return zero.to(like), (zero + 1).to(like)
        c = path.coefficients(zero)
        return c.shift.to(like), c.alpha.to(like)

    def coefficients(self, t: Tensor) -> Coefficients:
        """Path coefficients at t; alpha and beta are NaN for a path that is not affine."""
        path = self.interpolant
        if isinstance(path, AffineInterpolant):
            return path.coefficients(t)
        gamma, unknown = path.gamma, torch.full_like(t, torch.nan)
        return Coefficients(
            unknown, unknown, gamma.value(t), unknown, unknown, gamma.dot(t), gamma.value_dot(t)
        )

    def check(self, name: str) -> None:
        """Raise a ValueError, naming what is missing, if the field cannot be derived."""
        self.combination(name, torch.tensor(0.25, dtype=torch.float64))

    def combination(self, name: str, t: Tensor) -> Combination:
        """The field as coefficients over x and the predictions, at times t of any shape.

        Raises:
            ValueError: if the field does not follow from what is predicted on this path.
        """
        check(name in FIELDS, "Fields", f"a field out of {FIELDS}", name)
        predicted = name in self.predicts
        if name in _SCORES or not (predicted or set(_SCORES).isdisjoint(self.predicts)):
            self._check_score()
        if predicted:
            return {name: 1.0}
        c = self.coefficients(t)
        combination = convert(name, self.interpolant, c, self.predicts)
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
