"""The SDE from base to data."""

from __future__ import annotations

from typing import final

from interpolants.sampler.process.diffusive import DiffusiveProcess


@final
class ForwardSDE(DiffusiveProcess):
    """dX = (b + epsilon s) dt + sqrt(2 epsilon) dW, from t=0 to t=1.

    It has the marginals of the path for every epsilon (arXiv 2303.08797, section 2.3).
    """
