"""The small tables of scikit-learn."""

from __future__ import annotations

from typing import final

import torch

from interpolants.data.columns import Columns
from interpolants.data.finite import FiniteData
from interpolants.utils.checks import check

_NAMES = ("breast_cancer", "diabetes", "iris", "wine")


@final
class Table(FiniteData):
    """Features of a table; the label is the class, if the table has classes.

    Args:
        name: breast_cancer (569 rows, 30 columns), diabetes (442, 10, no classes),
            iris (150, 4) or wine (178, 13).
        standardize: whether networks see columns of mean 0 and standard deviation 1.
        held_out_fraction: fraction of rows held out.
        split_seed: another seed makes another choice of these rows.

    Raises:
        ValueError: if there is no such table, or the fraction is not in (0, 1).
    """

    def __init__(
        self,
        *,
        name: str,
        standardize: bool = True,
        held_out_fraction: float = 0.2,
        split_seed: int = 0,
    ) -> None:
        check(name in _NAMES, "Table.name", f"one of {', '.join(_NAMES)}", name)
        from sklearn import datasets

        bunch = getattr(datasets, f"load_{name}")()
        has_classes = "target_names" in bunch
        self.table = Columns(names=tuple(map(str, bunch.feature_names)))
        self.columns = self.table.coordinates
        if has_classes:
            self.classes = tuple(map(str, bunch.target_names))
        super().__init__(
            torch.as_tensor(bunch.data),
            torch.as_tensor(bunch.target).long() if has_classes else None,
            standardize=standardize,
            held_out_fraction=held_out_fraction,
            split_seed=split_seed,
        )
