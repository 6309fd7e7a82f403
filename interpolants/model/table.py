"""Samples as a table."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from interpolants.model.model import Model
from interpolants.sampler.samples import Samples
from interpolants.utils.checks import check


def table_of(model: Model, samples: Samples, *, backward: bool = False) -> dict[str, NDArray[Any]]:
    """Columns of samples by name, as in the table that a model was trained on.

    They are what a .csv file of the samples has: numbers, int64 for columns of whole numbers,
    names of categories, and last the labels, as names of classes or as numbers of vectors. Rows of
    data without names of columns have columns x0, x1, .... A label with the name of a coordinate
    is in `<name>_label`.

    Args:
        model: the model.
        samples: finite samples of it.
        backward: whether they are samples of the base, of a backward process.

    Raises:
        ValueError: if the samples are no rows of numbers, or one is not finite.
    """
    shape, fix = tuple(samples.x.shape[1:]), "train on a table, such as a .csv file"
    check(len(shape) == 1, "table_of.samples", "rows of numbers", f"shape {shape}", fix)
    columns = model.fields.base.columns if backward else model.columns
    if columns is None:
        parts = samples.x.detach().cpu().unbind(dim=1)
        found = {f"x{k}": part.numpy() for k, part in enumerate(parts)}
    else:
        found = columns.table(samples.x)
    if samples.label is not None and model.labels is not None:
        for name, column in model.labels.table(samples.label).items():
            found[f"{name}_label" if name in found else name] = column
    return found
