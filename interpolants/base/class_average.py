"""Initial states that are noised class averages."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from interpolants.base.initial_state import InitialStateBase
from interpolants.utils.checks import check


@final
class ClassAverageBase(InitialStateBase):
    """x0 ~ N(0, Id); sampling starts from r m_k + x0, with m_k the mean of a class k.

    A class is drawn as often as it occurs in the training data, which need labels; r is the weight
    of x1 at the start of the path (see `InitialStateBase`). The spread within a class is left out,
    so the distribution is narrower than that of the path at t=0.
    """

    def components(self, x1: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        fix = "choose data with classes, such as data=digits, or use base=fitted"
        classes = label is not None and not label.is_floating_point()
        got = None if label is None else "vectors"
        check(classes, "ClassAverageBase.fit", "data with classes", got, fix)
        assert label is not None
        kinds, k = torch.unique(label, return_inverse=True)
        counts = torch.bincount(k, minlength=len(kinds)).to(x1)
        sums = x1.new_zeros(len(kinds), *x1.shape[1:]).index_add_(0, k, x1)
        mean = sums / counts.view(-1, *(1,) * (x1.dim() - 1))
        return counts / len(x1), mean, torch.zeros_like(mean)
