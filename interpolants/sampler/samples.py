"""The result of sampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from interpolants.utils.shapes import flatten_event


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Samples, and how they were drawn.

    Attributes:
        x: samples, (n, *event).
        nfe: network calls that each sample took, counted.
        seconds: wall time of the solve.
        path: states at the requested times, (S, n, *event), or None.
        times: of those states, (S,), in the order of the path, or None.
        log_prob: log densities of the samples, (n,), or None.
        log_prob_error: their standard errors, (n,), where they are means of estimates, or None.
        outside: how many samples left the domain of the process or overflowed, and are NaN; None
            for a process whose domain none can leave.
        label: of the samples, (n,) or (n, C), where they were drawn for some.
        failures: why samples are NaN, by their numbers, of an adaptive solver that keeps the rest.
    """

    x: Tensor
    nfe: int
    seconds: float
    path: Tensor | None = None
    times: Tensor | None = None
    log_prob: Tensor | None = None
    log_prob_error: Tensor | None = None
    outside: int | None = None
    label: Tensor | None = None
    failures: Mapping[int, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        path = "" if self.path is None else f", path at {len(self.path)} times"
        density = "" if self.log_prob is None else ", log_prob"
        outside = f", {self.outside} outside" if self.outside else ""
        outside += f", {len(self.failures)} failed" if self.failures else ""
        shape, cost = tuple(self.x.shape), f"NFE {self.nfe}, {self.seconds:.2f} s"
        return f"Samples(x of shape {shape}{path}{density}{outside}, {cost})"

    def finite(self) -> Samples:
        """Without the samples that left their space, or are not finite for another reason."""
        stayed = flatten_event(self.x).isfinite().all(dim=1)
        if self.path is not None:
            stayed = stayed & self.path.isfinite().transpose(0, 1).flatten(1).all(dim=1)
        if bool(stayed.all()):
            return self
        path = None if self.path is None else self.path[:, stayed]
        label = None if self.label is None else self.label[stayed.to(self.label.device)]
        return replace(self, x=self.x[stayed], path=path, label=label, failures={})
