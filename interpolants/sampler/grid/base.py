"""Time grids: the nodes of a solve."""

from __future__ import annotations

import abc
from collections.abc import Callable

import torch
from torch import Tensor

# Times this close, as a fraction of the span, are one: to each other, and to the ends or a node.
_CLOSE = 1e-6
# Nodes of a grid may be closer, but for rounding.
_EQUAL = 1e-12

LogSNR = Callable[[Tensor], Tensor]
"""log(beta / alpha) of a one-sided path at float64 times."""


class Grid(abc.ABC):
    """A rule that places the nodes of a solve."""

    @abc.abstractmethod
    def nodes(self, num_steps: int, span: tuple[float, float], log_snr: LogSNR | None) -> Tensor:
        """Increasing float64 nodes on the host, (num_steps + 1,), from end to end of the span.

        Args:
            num_steps: number of intervals.
            span: first and last time, ascending.
            log_snr: of the path, if it is one-sided.

        Raises:
            ValueError: if the grid does not fit the path or the number of steps.
        """

    def times(
        self,
        num_steps: int,
        span: tuple[float, float],
        *,
        backward: bool = False,
        through: Tensor | None = None,
        log_snr: LogSNR | None = None,
    ) -> Tensor:
        """Float64 nodes on the host, exactly on both ends and on every requested time.

        Nodes that differ by rounding alone are one, and requested times are `apart`.

        Args:
            num_steps: number of intervals; requested times that are no node add to it.
            span: first and last time, ascending.
            backward: whether to run from the last down to the first.
            through: times in the span that become nodes, in any order.
            log_snr: of the path, if it is one-sided.
        """
        start, end = span
        t = self.nodes(num_steps, span, log_snr)
        t[0], t[-1] = start, end
        nodes = apart(t, span, _EQUAL)
        if through is not None:
            wanted = apart(through.to(torch.float64), span)
            close = (nodes[:, None] - wanted).abs() < _CLOSE * (end - start)
            inner = nodes[~close.any(dim=1)]
            ends = torch.tensor(span, dtype=torch.float64)
            nodes = torch.unique(torch.cat([ends, inner, wanted]))  # type: ignore[no-untyped-call]
        return nodes.flip(0) if backward else nodes


def apart(times: Tensor, span: tuple[float, float], close: float = _CLOSE) -> Tensor:
    """Ascending times without those that hardly differ from an end or from the one before.

    Such times would leave steps of nothing. An end of the span is kept in their place.

    Args:
        times: in the span, in any order.
        span: first and last time, ascending.
        close: least distance, as a fraction of the span.
    """
    start, end = span
    least = close * (end - start)
    kept: list[float] = []
    for t in torch.unique(times).tolist():  # type: ignore[no-untyped-call]
        t = start if t - start < least else end if end - t < least else t
        if not kept or t - kept[-1] >= least:
            kept.append(t)
        elif t == end:
            kept[-1] = end
    return torch.tensor(kept, dtype=torch.float64)


class WarpedGrid(Grid):
    """A monotone warp of [0, 1]: nodes are warp(k / num_steps), spread over the span."""

    @abc.abstractmethod
    def warp(self, u: Tensor) -> Tensor:
        """An increasing map of [0, 1] onto itself."""

    def nodes(self, num_steps: int, span: tuple[float, float], log_snr: LogSNR | None) -> Tensor:
        start, end = span
        u = torch.linspace(0, 1, num_steps + 1, dtype=torch.float64)
        return start + (end - start) * self.warp(u)
