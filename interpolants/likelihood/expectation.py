"""Log densities as means over paths of the backward SDE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from torch import Tensor

from interpolants.fields.divergence.base import Divergence
from interpolants.fields.divergence.exact import ExactDivergence
from interpolants.likelihood.base import Likelihood, standard_error
from interpolants.likelihood.diffusive import diffusive_process
from interpolants.likelihood.process.scored_density import ScoredDensity
from interpolants.sampler.process.backward_sde import BackwardSDE
from interpolants.sampler.sampler import Sampler
from interpolants.utils.checks import check


@final
class ExpectationLikelihood(Likelihood):
    """log p_1(x) = E[ log p_0(X_0) - int div(b + epsilon s) + epsilon |s|^2 dt ].

    X runs backward from x (arXiv 2303.08797, section 2.5). The density is that of the SDE
    where s is the score of its own density, which a learned score only approximates; the bias is
    not visible. Ito's formula gives a term of mean zero, the sum of sqrt(2 epsilon h) s . z, that
    removes all the variance but that of the discretisation if s is exact.

    Args:
        sampler: a sampler of the SDE, in either direction; gives epsilon.
        divergence: how divergences are evaluated; exactly if None.
        paths: paths for each sample, > 0; from 2 on there is a standard error.
        control: whether to subtract the term of mean zero.
    """

    def __init__(
        self,
        *,
        sampler: Sampler,
        divergence: Divergence | None = None,
        paths: int = 8,
        control: bool = True,
    ) -> None:
        known = isinstance(control, bool)
        check(known, "ExpectationLikelihood.control", "true or false", control)
        own = diffusive_process(sampler, "ExpectationLikelihood")
        super().__init__(sampler, ExactDivergence() if divergence is None else divergence, paths)
        self.control = control
        self._sde = BackwardSDE(fields=own.fields, epsilon=own.epsilon, cut=own.cut)

    def process(self, event_shape: Sequence[int], probes: Tensor) -> ScoredDensity:
        return ScoredDensity(
            self._sde,
            event_shape=event_shape,
            divergence=self.divergence,
            probes=probes,
            control=self.control,
        )

    def reduce(self, estimates: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """The mean over paths, and its standard error."""
        of_paths = estimates.mean(dim=2)
        return of_paths.mean(dim=1), standard_error(of_paths), None
