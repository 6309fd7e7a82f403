"""x0 drawn from a data set, for translation between two data sets."""

from __future__ import annotations

from typing import Annotated, Any, final

import torch
from torch import Tensor

from interpolants.base.base import Base
from interpolants.data.base import Data
from interpolants.data.columns import Columns
from interpolants.space.base import Space
from interpolants.space.euclidean import EuclideanSpace
from interpolants.space.scaling import Scaling
from interpolants.utils.checks import check
from interpolants.utils.plain import OUTSIDE


@final
class DatasetBase(Base):
    """Distribution of a data set, scaled like data; a one-sided path then has no score.

    Args:
        data: source of x0; its samples must have the shape of the target's. None in a model that
            was loaded without its data, which then has no initial states to draw.
        space: space of its samples; Euclidean if None.

    Raises:
        ValueError: if the data do not lie in the space.
    """

    def __init__(
        self, *, data: Annotated[Data | None, OUTSIDE] = None, space: Space | None = None
    ) -> None:
        self._data = data
        self._scaling = None if data is None else _scaling(data, space or EuclideanSpace())

    @property
    def data(self) -> Data:
        """Source of x0.

        Raises:
            ValueError: if the model was loaded without it.
        """
        fix = "pass data=True to load, which reads the files that the checkpoint names"
        check(self._data is not None, "DatasetBase.data", "the data of x0", None, fix)
        assert self._data is not None
        return self._data

    @property
    def scaling(self) -> Scaling:  # type: ignore[override]
        """Scaling of the data; errors are those of `data`."""
        self.data  # noqa: B018
        assert self._scaling is not None
        return self._scaling

    def sample(self, n: int, event_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        self._check_shape(event_shape)
        # Data live on the host: draw there, by a generator seeded from the device's.
        device = generator.device
        key = torch.randint(2**62, (), generator=generator, device=device)
        drawn = self.data.sample(n, torch.Generator().manual_seed(int(key))).x1
        return self.scaling.to_model(drawn).to(device, torch.get_default_dtype())

    @property
    def columns(self) -> Columns | None:
        return self.data.table

    def fingerprint(self) -> dict[str, Any]:
        return self.data.fingerprint()

    def reference_pair(
        self, n: int, event_shape: tuple[int, ...], draw: int = 0
    ) -> tuple[Tensor, Tensor]:
        self._check_shape(event_shape)
        first, second = self.data.reference_pair(n, draw)
        return self.scaling.to_model(first), self.scaling.to_model(second)

    def _check_shape(self, event_shape: tuple[int, ...]) -> None:
        check(
            tuple(self.data.event_shape) == tuple(event_shape),
            "DatasetBase.data",
            f"samples of the target's shape {tuple(event_shape)}",
            tuple(self.data.event_shape),
        )


def _scaling(data: Data, space: Space) -> Scaling:
    try:
        return Scaling(*data.chart_units(space), space)
    except ValueError as error:
        fix = "or choose data that lie in the space with data@base.data=..."
        where = "DatasetBase.data, the base's own data"
        raise ValueError(f"{where}: {error}; {fix}") from error
