"""Draws and labelled rows, and tests of their distributions."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.stats import chi2
from torch import Tensor

from interpolants.data.base import Batch, Data
from interpolants.data.finite import FiniteData
from interpolants.utils.seeds import keyed_generator

SIGNIFICANCE = 1e-5
# A standard normal exceeds this less often than the significance, on either side.
SIGMAS = 4.5


def draw(data: Data, n: int, seed: int = 0) -> Batch:
    return data.sample(n, keyed_generator(seed))


def labels_of(batch: Batch) -> Tensor:
    assert batch.label is not None
    return batch.label


def num_distinct(rows: Tensor) -> int:
    return len(torch.unique(rows, dim=0))


def assert_equally_likely(counts: Tensor) -> None:
    expected = counts.sum() / len(counts)
    statistic = ((counts - expected) ** 2 / expected).sum().item()
    assert chi2.sf(statistic, len(counts) - 1) > SIGNIFICANCE


def assert_has_moments(x: Tensor, mean: Tensor, std: Tensor) -> None:
    """Require moments within `SIGMAS` standard errors, which are estimated from the sample."""
    x, n = x.double(), len(x)
    assert ((x.mean(0) - mean).abs() < SIGMAS * x.std(0) / math.sqrt(n)).all()
    squares = (x - x.mean(0)).square()
    assert ((squares.mean(0) - std**2).abs() < SIGMAS * squares.std(0) / math.sqrt(n)).all()


def numbered(n: int) -> FiniteData:
    """Rows that know their number: the label of row i is i, its values i and -i."""
    i = torch.arange(n)
    return FiniteData(torch.stack((i, -i), dim=1), i, held_out_fraction=0.25)


NAN_ROWS = np.array([[1.0, 2.0], [np.nan, 1.0], [np.inf, np.nan]])
