"""Samples as a table."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from interpolants.model.model import Model
from interpolants.sampler.samples import Samples
from interpolants.utils.checks import check


def table_of(model: Model, samples: Samples) -> dict[str, NDArray[Any]]:
    """Columns of samples by name, as in the table that a model was trained on.

    They are what a .csv file of the samples has: numbers, int64 for columns of whole numbers,
    names of categories, and last the labels, as names of classes or as numbers of vectors.

    Args:
        model: the model.
        samples: finite samples of it.

    Raises:
        ValueError: if it was not trained on a table, or a sample is not finite.
    """
    fix = "train on a table, such as a .csv file"
    check(model.columns is not None, "table_of.model", "a model of a table", None, fix)
    assert model.columns is not None
    found = model.columns.table(samples.x)
    if samples.label is not None and model.labels is not None:
        found |= model.labels.table(samples.label)
    return found
