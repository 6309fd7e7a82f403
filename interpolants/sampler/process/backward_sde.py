"""The SDE from data to base."""

from __future__ import annotations

from typing import final

from interpolants.sampler.process.diffusive import DiffusiveProcess


@final
class BackwardSDE(DiffusiveProcess):
    """dX = (b - epsilon s) dt + sqrt(2 epsilon) dW_B, solved from t=1 down to t=0.

    It has the marginals of the path for every epsilon (arXiv 2303.08797, section 2.3).
    """

    backward = True
