"""Predicted fields, and all fields that follow from them.

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
from interpolants.fields.jumps import Jumps
from interpolants.fields.preconditioning import Preconditioning
from interpolants.fields.score import check_score
from interpolants.interpolant.base import AffineInterpolant, Coefficients, Interpolant
from interpolants.net.condition import Condition
from interpolants.net.precision import call_network, weights_dtype
from interpolants.utils.checks import check

FIELDS = (
    "velocity",
    "mean_velocity",
    "denoiser",
    "score",
    "target_mean",
    "multiplicative_score",
)
# Largest root mean square of the data at t=0, in units of the noise, without a warning.
_MOST_SIGNAL = 0.3
_SCORES = ("score", "multiplicative_score")


@final
class Fields(nn.Module):
    """Network with the path it was trained on, and all fields that follow from the two.

    Args:
        net: called as `net(t, x)`, t 0-d or (B,), x (B, *event); returns (B, heads, *event),
            one head per predicted field. A `Condition`, if there is one, is a third argument.
        interpolant: the path.
        predicts: names of the fields that the heads predict, in order, out of `FIELDS`, or one.
        base: distribution of x0; a one-sided path has a score only if it is standard normal.
        coupling: pairing of x0 and x1; a one-sided path has a score only if it is independent.
        preconditioning: scaling of the network's input and output; none if None.
        jumps: of a flow map, those that it was trained for; None without a second time.

    Raises:
        ValueError: if `predicts` names something else, is empty, or repeats a name.
    """

    def __init__(
        self,
        *,
        net: nn.Module,
        interpolant: Interpolant,
        predicts: Sequence[str] | str,
        base: Base | None = None,
        coupling: Coupling | None = None,
        preconditioning: Preconditioning | None = None,
        jumps: Jumps | None = None,
    ) -> None:
        super().__init__()
        predicts = (predicts,) if isinstance(predicts, str) else tuple(predicts)
        known = bool(predicts) and all(name in FIELDS for name in predicts)
        check(
            known and len(set(predicts)) == len(predicts),
            "Fields.predicts",
            f"distinct names out of {FIELDS}",
            predicts,
        )
        self.net = net
        self.interpolant = interpolant
        self.predicts = predicts
        self.base = GaussianBase() if base is None else base
        self.coupling = IndependentCoupling() if coupling is None else coupling
        self.preconditioning = preconditioning
        self.jumps = jumps
        if preconditioning is not None:
            preconditioning.check(interpolant, self.predicts)

    def __repr__(self) -> str:
        count = sum(p.numel() for p in self.net.parameters())
        predicts, path = ", ".join(self.predicts), self.interpolant
        return (
            f"Fields({predicts} of {path!r} from {type(self.base).__name__}, "
            f"{type(self.coupling).__name__}, by {type(self.net).__name__} with {count:,} weights)"
        )

    def condition_on(self, condition: Condition, guidance: Guidance | None = None) -> Fields:
        """Fields of samples with a condition, and optional guidance, called as (t, x) like these.

        They share all weights. The condition is that of B samples; in a batch of k B rows, rows
        i, i + B, ... belong to sample i.
        """
        return self.by(ConditionedNetwork(self.net, condition, guidance))

    def by(self, net: nn.Module) -> Fields:
        """The same fields by another network."""
        return Fields(
            net=net,
            interpolant=self.interpolant,
            predicts=self.predicts,
            base=self.base,
            coupling=self.coupling,
            preconditioning=self.preconditioning,
            jumps=self.jumps,
        )

    @property
    def is_conditioned(self) -> bool:
        """True for fields that were returned by `condition_on`."""
        return isinstance(self.net, ConditionedNetwork)

    def as_states(self, x: Tensor) -> Tensor:
        """Values in the precision of states: float64 if the weights are, else float32.

        Without weights, states of float64 values are float64.
        """
        wide = (weights_dtype(self.net) or x.dtype) == torch.float64
        return x.to(torch.float64 if wide else torch.float32)

    @property
    def networks(self) -> Sequence[nn.Module]:
        """Networks that an evaluation calls, once for each call."""
        return self.net.networks if isinstance(self.net, ConditionedNetwork) else [self.net]

    def predict(self, t: Tensor, x: Tensor) -> dict[str, Tensor]:
        """Predictions by name, each (B, *event), in x's dtype; t is 0-d or (B,)."""
        return dict(zip(self.predicts, self.heads(t, x).unbind(1), strict=True))

    def heads(self, t: Tensor, x: Tensor, until: Tensor | None = None) -> Tensor:
        """Predictions in the order of `predicts`, (B, heads, *event), in x's dtype.

        Args:
            t: times, 0-d or (B,).
            x: states, (B, *event).
            until: second time of a flow map, 0-d or (B,).
        """
        # As self.net, for which a module calls a function of its own.
        net = self._modules["net"]
        assert net is not None
        moment = None if until is None else Condition(until=until)
        if self.preconditioning is None:
            heads = call_network(net, t, x, moment)
        else:
            heads = self.preconditioning(net, self.interpolant, self.predicts, t, x, moment)
        batch, *event = x.shape
        if heads.shape != (batch, len(self.predicts), *event):
            count = len(self.predicts)
            rule = f"predictions of shape {(batch, count, *event)}"
            fix = f"build the network with heads={count}, one for each predicted field"
            check(False, "Fields.net", rule, tuple(heads.shape), fix)
        return heads

    def evaluate(self, t: Tensor, x: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Evaluate several fields by one call of the network, each (B, *event)."""
        predictions = self.predict(t, x)
        return {
            name: apply_combination(self.combination(name, t), x, predictions) for name in names
        }

    def evaluate_stacked(self, t: Tensor, x: Tensor, names: Sequence[str]) -> Tensor:
        """Evaluate several fields by one call of the network, stacked, (B, fields, *event)."""
        if tuple(names) == self.predicts:
            return self.heads(t, x)
        return torch.stack(list(self.evaluate(t, x, names).values()), dim=1)

    def velocity(self, t: Tensor, x: Tensor) -> Tensor:
        """Velocity b(t, x) = E[xt_dot | xt = x], (B, *event)."""
        return self.evaluate(t, x, ["velocity"])["velocity"]

    def mean_velocity(self, t: Tensor, x: Tensor) -> Tensor:
        """Mean velocity v(t, x) = E[dI/dt | xt = x], (B, *event)."""
        return self.evaluate(t, x, ["mean_velocity"])["mean_velocity"]

    def denoiser(self, t: Tensor, x: Tensor) -> Tensor:
        """Denoiser eta(t, x) = E[z | xt = x], (B, *event)."""
        return self.evaluate(t, x, ["denoiser"])["denoiser"]

    def score(self, t: Tensor, x: Tensor) -> Tensor:
        """Score s(t, x) = grad log p_t(x), (B, *event)."""
        return self.evaluate(t, x, ["score"])["score"]

    def target_mean(self, t: Tensor, x: Tensor) -> Tensor:
        """Target mean E[x1 | xt = x], (B, *event)."""
        return self.evaluate(t, x, ["target_mean"])["target_mean"]

    def multiplicative_score(self, t: Tensor, x: Tensor) -> Tensor:
        """Multiplicative score h(t, x) = grad log p_t(x) - 1, (B, *event), for x = log X.

        That is X * grad log of the density of X = exp(y), which arXiv 2510.02730 calls the
        Hyvarinen score. If data are scaled in the chart, X is exp of the networks' coordinate,
        not the data.
        """
        return self.evaluate(t, x, ["multiplicative_score"])["multiplicative_score"]

    def fit_base(self, x1: Tensor, label: Tensor | None) -> None:
        """Fit the base to training data, in the networks' units.

        Warns if the path at t=0 contains more of the data than a start from x0 may neglect.
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
                f"Fields.base: {name} starts with data {rest:.2g} times as large as its noise, "
                f"which samples that start from {type(self.base).__name__} lack; use "
                "base=fitted, or more noise",
                stacklevel=2,
            )

    def base_state(self, x0: Tensor) -> Tensor:
        """State at t=0: shift(0) + alpha(0) x0 on a one-sided path, else x0."""
        scaling = self._initial_scaling(x0)
        return x0 if scaling is None else torch.addcmul(*scaling, x0)

    def base_sample(self, x: Tensor) -> Tensor:
        """Inverse of `base_state`: the x0 whose path starts at x, (B, *event)."""
        scaling = self._initial_scaling(x)
        return x if scaling is None else (x - scaling[0]) / scaling[1]

    def base_log_prob(self, x: Tensor) -> Tensor:
        """Log density of initial states at x, (B,)."""
        scaling, log_prob = self._initial_scaling(x), self.base.log_prob(self.base_sample(x))
        if scaling is None:
            return log_prob
        return log_prob - x.shape[1:].numel() * scaling[1].log()

    def _initial_scaling(self, like: Tensor) -> tuple[Tensor, Tensor] | None:
        """Shift and factor of x0 at t=0; None where the path starts at x0."""
        path = self.interpolant
        if not (path.one_sided and isinstance(path, AffineInterpolant)):
            return None
        c = path.coefficients(torch.zeros((), dtype=torch.float64))
        return c.shift.to(like), c.alpha.to(like)

    def coefficients(self, t: Tensor) -> Coefficients:
        """Path coefficients at t; alpha and beta are NaN if the path is not affine."""
        path = self.interpolant
        if isinstance(path, AffineInterpolant):
            return path.coefficients(t)
        gamma, unknown = path.gamma, torch.full_like(t, torch.nan)
        return Coefficients(
            unknown, unknown, gamma.value(t), unknown, unknown, gamma.dot(t), gamma.value_dot(t)
        )

    def check(self, name: str) -> None:
        """Raise a ValueError that says what is missing if the field cannot be derived."""
        self.combination(name, torch.tensor(0.25, dtype=torch.float64))

    def combination(self, name: str, t: Tensor) -> Combination:
        """Field as coefficients of x and the predictions, at times t of any shape.

        Raises:
            ValueError: if the field does not follow from the predictions on this path.
        """
        check(name in FIELDS, "Fields", f"a field out of {FIELDS}", name)
        predicted = name in self.predicts
        if name in _SCORES or not (predicted or set(_SCORES).isdisjoint(self.predicts)):
            check_score(self.interpolant, self.base, self.coupling)
        if predicted:
            return {name: 1.0}
        c = self.coefficients(t)
        combination = convert(name, self.interpolant, c, self.predicts)
        fix = "train with objective=velocity_and_denoiser, or an objective that predicts it"
        if self.jumps is not None:
            fix = "a flow map predicts its velocity alone: train with interpolant=one_sided_linear"
        check(
            combination is not None,
            f"Fields.{name}",
            f"a {name} that follows from the predictions on this path",
            f"predicts {self.predicts} on {type(self.interpolant).__name__}",
            fix,
        )
        assert combination is not None
        return combination
