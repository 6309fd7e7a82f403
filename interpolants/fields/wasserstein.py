"""The velocity of a one-sided path as that of a Wasserstein gradient flow.

On a path x_t = shift + alpha x0 + beta x1 with x0 standard normal and independent of x1,

    b = beta_dot / beta (x - shift) + shift_dot + w grad log p_t,
    w = alpha (alpha beta_dot - alpha_dot beta) / beta >= 0

which is minus the Wasserstein gradient of F_t(rho) = int V_t rho - w_t int rho log rho with
V_t = -beta_dot / (2 beta) |x - shift|^2 - shift_dot . x (after Jordan, Kinderlehrer and Otto, SIAM
J. Math. Anal. 29, 1998). From data to noise, with b and time reversed, it is the gradient flow of
-V_t and the entropy: a diffusion with g^2 = 2 w.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from interpolants.fields.conversions import Combination, add, apply_combination, scale
from interpolants.fields.fields import Fields
from interpolants.interpolant.base import AffineInterpolant
from interpolants.utils.checks import check


class GradientFlow(NamedTuple):
    """Velocity as a sum of two combinations of the state and the predictions.

    Attributes:
        potential: combination for -grad V_t, of the state and constants alone.
        entropy: combination for w_t grad log p_t.
        weight: w_t = g^2 / 2, of the times' shape.
    """

    potential: Combination
    entropy: Combination
    weight: Tensor


class VelocityParts(NamedTuple):
    """Values of the parts of the velocity, each (B, *event).

    Attributes:
        potential: -grad V_t(x).
        entropy: w_t grad log p_t(x).
    """

    potential: Tensor
    entropy: Tensor


def gradient_flow(fields: Fields, t: Tensor) -> GradientFlow:
    """Split the velocity into its potential and its entropy part, at times of any shape.

    Args:
        fields: fields of a one-sided path that have a score.
        t: times inside (0, 1); the path may have none of the data at 0.

    Raises:
        ValueError: if the path is not one-sided, or its fields have no score.
    """
    check_gradient_flow(fields)
    c = fields.coefficients(t)
    rate = c.beta_dot / c.beta
    potential: Combination = {"x": rate}
    if isinstance(fields.interpolant, AffineInterpolant) and fields.interpolant.shifted:
        potential = add(potential, {"one": c.shift_dot - rate * c.shift})
    # As the denoiser -alpha score, which is finite where alpha is zero.
    ratio = c.determinant / c.beta
    entropy = scale(-ratio, fields.combination("denoiser", t))
    return GradientFlow(potential, entropy, c.alpha * ratio)


def velocity_parts(fields: Fields, t: Tensor, x: Tensor) -> VelocityParts:
    """Evaluate both parts of the velocity by one call of the network.

    Args:
        fields: as of `gradient_flow`.
        t: times inside (0, 1), 0-d or (B,).
        x: states, (B, *event).
    """
    flow, predictions = gradient_flow(fields, t), fields.predict(t, x)
    return VelocityParts(
        apply_combination(flow.potential, x, predictions),
        apply_combination(flow.entropy, x, predictions),
    )


def check_gradient_flow(fields: Fields) -> None:
    """Require a one-sided path with a score, whose velocity is a gradient.

    Raises:
        ValueError: that says what is missing.
    """
    path = fields.interpolant
    rule = "a one-sided path, whose velocity is that of a gradient flow"
    fix = "use interpolant=one_sided_linear; that of a two-sided path need not be a gradient"
    check(path.one_sided, "Fields.interpolant", rule, type(path).__name__, fix)
    fields.check("score")
