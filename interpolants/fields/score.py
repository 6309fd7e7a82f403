"""Conditions under which a path has a score."""

from __future__ import annotations

from interpolants.base.base import Base
from interpolants.coupling.base import Coupling
from interpolants.interpolant.base import Interpolant
from interpolants.utils.checks import check


def check_score(path: Interpolant, base: Base, coupling: Coupling) -> None:
    """Require Gaussian noise of the path's own, from which its states have a score.

    Raises:
        ValueError: that says what is missing.
    """
    if path.one_sided:
        check(
            base.standard_normal,
            "Fields.score",
            "a standard normal base on a one-sided path",
            type(base).__name__,
            "use base=gaussian, or a two-sided interpolant with objective=velocity_and_denoiser",
        )
        check(
            coupling.independent,
            "Fields.score",
            "an independent coupling on a one-sided path",
            type(coupling).__name__,
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
