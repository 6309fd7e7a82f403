"""Columns of a table, and the numbers that its rows are for a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from interpolants.data.categories import Categories, nearest
from interpolants.utils.checks import check

Array = NDArray[Any]

# More names are not listed in an error.
_FEW = 10


@final
@dataclass(frozen=True, kw_only=True)
class Columns:
    """Columns of a table whose rows are vectors of numbers.

    A column of numbers is one coordinate. A column of categories has a coordinate for each of
    them: 1 for that of the row, and 0 for the others (one-hot).

    Attributes:
        names: names of the columns, in order.
        integer: names of those that hold whole numbers.
        categorical: names of those that hold categories.
        categories: names of the categories of each of these.

    Raises:
        ValueError: if a name occurs twice, or a column has no categories.
    """

    names: tuple[str, ...]
    integer: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    categories: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        for name in ("names", "integer", "categorical"):
            values = tuple(getattr(self, name))
            object.__setattr__(self, name, values)
            rule = "different names" if name == "names" else "different columns of the table"
            fits = len(set(values)) == len(values) and set(values) <= set(self.names)
            check(fits, f"Columns.{name}", rule, values)
        object.__setattr__(self, "categories", tuple(map(tuple, self.categories)))
        sizes = [len(kinds) for kinds in self.categories]
        fits = len(sizes) == len(self.categorical) and 0 not in sizes
        fits = fits and all(len(set(kinds)) == len(kinds) for kinds in self.categories)
        rule = "different categories for each categorical column"
        check(fits, "Columns.categories", rule, self.categories)
        both = sorted(set(self.integer) & set(self.categorical))
        check(not both, "Columns.integer", "no categorical columns", both)

    def plain(self) -> dict[str, Any]:
        """Convert to plain data, for a checkpoint: the arguments of the constructor."""
        parts = asdict(self)
        return {k: [list(v) if isinstance(v, tuple) else v for v in parts[k]] for k in parts}

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the coordinates, such as `age` and `colour=red`."""
        kinds = dict(zip(self.categorical, self.categories, strict=True))
        parts = (
            [f"{name}={kind}" for kind in kinds[name]] if name in kinds else [name]
            for name in self.names
        )
        return tuple(name for part in parts for name in part)

    @property
    def integer_coordinates(self) -> list[int]:
        """Positions of the coordinates that are whole numbers."""
        return [place.start for name, place in self._places().items() if name in self.integer]

    def encoded(
        self, numbers: Mapping[str, Array], categories: Mapping[str, Categories]
    ) -> NDArray[np.float64]:
        """Rows of a table as numbers, (N, D).

        Args:
            numbers: values of the other columns, (N,).
            categories: the categorical columns, without missing cells.

        Raises:
            ValueError: if there is another category than in `categories`.
        """
        parts = {name: values[:, None] for name, values in numbers.items()}
        for name, kinds in zip(self.categorical, self.categories, strict=True):
            found, rank = categories[name], {kind: k for k, kind in enumerate(kinds)}
            for kind in found.names:
                rule = f"one of the {len(kinds)} categories of column {name!r}"
                check(kind in rank, "Columns", rule, kind, nearest(kind, kinds))
            order = np.array([rank[kind] for kind in found.names], dtype=np.int64)
            parts[name] = order[found.codes][:, None] == np.arange(len(kinds))
        return np.concatenate([parts[name] for name in self.names], axis=1, dtype=np.float64)

    def rounded(self, x: Tensor) -> Tensor:
        """Rows with whole numbers and with one category where the table has them, (N, D).

        Whole numbers are rounded; of a categorical column the largest coordinate becomes 1, and
        the others 0. What is not finite stays so.
        """
        if not self.integer and not self.categorical:
            return x
        places, x = self._places(), x.clone()
        for name in self.integer:
            x[:, places[name]] = x[:, places[name]].round()
        for name in self.categorical:
            part = x[:, places[name]]
            hot = one_hot(part.argmax(dim=1), part.shape[1]).to(x)
            x[:, places[name]] = torch.where(part.isfinite().all(dim=1, keepdim=True), hot, part)
        return x

    def table(self, x: Tensor) -> dict[str, Array]:
        """Columns of rows by name: numbers, int64 for whole numbers, or names of categories.

        Args:
            x: rows, (N, D), such as `Samples.x`; rounded as by `rounded`.

        Raises:
            ValueError: if the rows have another number of coordinates, or a whole number or a
                category is not finite.
        """
        size = len(self.coordinates)
        fits = x.dim() == 2 and x.shape[1] == size
        check(fits, "Columns.table.x", f"shape (rows, {size})", tuple(x.shape))
        kinds = dict(zip(self.categorical, self.categories, strict=True))
        whole = self.rounded(x.detach().cpu())
        found: dict[str, Array] = {}
        for name, place in self._places().items():
            part = whole[:, place]
            finite = bool(part.isfinite().all()) or not (name in kinds or name in self.integer)
            check(finite, "Columns.table.x", f"finite numbers for column {name!r}", "others")
            if name in kinds:
                found[name] = np.array(kinds[name])[part.argmax(dim=1).numpy()]
            else:
                found[name] = (part[:, 0].long() if name in self.integer else part[:, 0]).numpy()
        return found

    def _places(self) -> dict[str, slice]:
        """Coordinates of each column."""
        sizes = dict(zip(self.categorical, map(len, self.categories), strict=True))
        places, start = {}, 0
        for name in self.names:
            places[name] = slice(start, start + sizes.get(name, 1))
            start = places[name].stop
        return places


def known_columns(where: str, asked: Sequence[object], names: Sequence[str]) -> list[str]:
    """Names of columns that are asked for, all of which must exist.

    Raises:
        ValueError: for the first that does not, with the nearest five.
    """
    known = set(names)
    for name in map(str, asked):
        if name not in known:
            few = f"columns {', '.join(names)}" if len(names) <= _FEW else f"{len(names)} columns"
            check(False, where, f"one of the {few}", name, nearest(name, names))
    return [str(name) for name in asked]
