"""Problems with closed forms, and the configured parts to run on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from hydra.utils import get_object
from torch import Tensor, nn

from interpolants.checkpoint import spec
from interpolants.data.base import Data
from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import Fields
from interpolants.interpolant.base import AffineInterpolant, Coefficients
from interpolants.interpolant.geometric_brownian import GeometricBrownianInterpolant
from interpolants.interpolant.schedule.linear import LinearSchedule
from interpolants.objective.map_objective import MapObjective
from interpolants.sampler.plan import TimeCoefficients
from interpolants.sampler.process.base import Process
from interpolants.testing.exact import ExactFields

_CONF = Path(__file__).parent.parent.parent / "conf"


def stems(group: str) -> list[str]:
    """The options of a conf group."""
    return sorted(path.stem for path in (_CONF / group).glob("*.yaml"))


def field_objectives() -> list[str]:
    """The objectives of fields of one time, not of flow maps."""
    nodes = {stem: node_of("objective", stem) for stem in stems("objective")}
    kinds = {stem: get_object(node["_target_"]) for stem, node in nodes.items()}
    return [stem for stem, kind in kinds.items() if not issubclass(kind, MapObjective)]


def load(group: str, stem: str, **changes: Any) -> Any:
    """The object that conf/<group>/<stem>.yaml describes."""
    node = node_of(group, stem) | changes
    cls: Any = get_object(node["_target_"])
    kind = Callable[..., cls] if node.get("_partial_") else cls
    return spec.build(node, kind, outside=(Data,))


def node_of(group: str, stem: str) -> dict[str, Any]:
    """The spec that conf/<group>/<stem>.yaml describes."""
    node = yaml.safe_load((_CONF / group / f"{stem}.yaml").read_text())
    entries = node.pop("defaults", [])
    if set(node) == {stem}:  # a member of a list of parts, by its name
        node = node[stem]
    for entry in entries:
        if isinstance(entry, str) and entry != "_self_":
            node = node_of(group, entry) | node
        for key, value in entry.items() if isinstance(entry, dict) else ():
            if not key.startswith("override"):
                name, place = key.rpartition("@")[2], key.partition("@")[0]
                name = name.removeprefix(f"{stem}.")
                node[name] = node_of(place[1:] if place[0] == "/" else f"{group}/{place}", value)
    return _without_references(node)


def _without_references(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_references(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_without_references(value) for value in node]
    references = {
        "${weight}": ("weight", "constant"),
        "${space}": ("space", "euclidean"),
        "${interpolant}": ("interpolant", "linear"),
    }
    return node_of(*references[node]) if isinstance(node, str) and node in references else node


INTERPOLANTS: dict[str, AffineInterpolant] = {
    stem: load("interpolant", stem) for stem in stems("interpolant")
}
ONE_SIDED = [stem for stem, path in INTERPOLANTS.items() if path.one_sided]
TWO_SIDED = [stem for stem, path in INTERPOLANTS.items() if not path.one_sided]
# Geometric Brownian motion with a drift of its logarithm, so that the path is shifted.
DRIFTING = GeometricBrownianInterpolant(sigma=LinearSchedule(start=0.3, end=1.7), mu=-0.6)

# The mixture of the tables: one dimension, variances .2 and .5.
TABLE_BASE = GaussianMixture(means=[[0.0]], std=1.0)
TABLE_TARGET = GaussianMixture(
    means=[[-2.0], [1.5]], weights=[0.3, 0.7], covariances=[[[0.2]], [[0.5]]]
)

NORMAL = GaussianMixture(means=[[0.0, 0.0]], std=1.0)
BASE = GaussianMixture(
    means=[[0.5, -1.0], [-0.5, 0.5]],
    weights=[0.4, 0.6],
    covariances=[[[0.8, 0.2], [0.2, 0.5]], [[0.6, -0.1], [-0.1, 0.9]]],
)
TARGET = GaussianMixture(
    means=[[2.0, 0.3], [-1.0, 1.0], [0.0, -1.5]],
    weights=[0.5, 0.2, 0.3],
    covariances=[[[0.3, 0.1], [0.1, 0.2]], [[0.5, 0.0], [0.0, 0.1]], [[0.2, -0.1], [-0.1, 0.4]]],
)


def base_of(path: AffineInterpolant) -> GaussianMixture:
    """A base that suits the path: standard normal if one-sided."""
    return NORMAL if path.one_sided else BASE


def exact_fields(path: AffineInterpolant, predicts: Sequence[str], **options: Any) -> Fields:
    """`Fields` around the closed form between the two-dimensional mixtures."""
    net = ExactFields(base=base_of(path), target=TARGET, interpolant=path, predicts=predicts)
    return Fields(net=net, interpolant=path, predicts=predicts, **options)


class Gaussians(nn.Module):
    """Closed-form fields between jointly Gaussian (x0, x1) with any cross covariance.

    x_t is Gaussian with covariance C = alpha^2 C0 + beta^2 C1 + alpha beta (C01 + C01^T) +
    gamma^2 Id, and E[u | x_t] = E u + Cov(u, x_t) C^-1 (x - m) for every u jointly Gaussian.
    """

    def __init__(
        self,
        path: AffineInterpolant,
        predicts: Sequence[str],
        *,
        means: Sequence[Any] = (0.0, 0.0),
        covariances: Sequence[Any] = (1.0, 0.05),
        cross: Any = 0.0,
    ) -> None:
        super().__init__()
        self.path, self.predicts = path, tuple(predicts)
        self.mean0, self.mean1 = (_vector(m) for m in means)
        self.cov0, self.cov1 = (_matrix(c) for c in covariances)
        self.cross = _matrix(cross)
        self.identity = torch.eye(len(self.cov0), dtype=torch.float64)

    def fields(self) -> Fields:
        return Fields(net=self, interpolant=self.path, predicts=self.predicts)

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        c = self.path.coefficients(t)
        centred, precision = x - self._mean(c), torch.linalg.inv(self._covariance(c))
        heads = []
        for name in self.predicts:
            slope, offset = self._gain(name, c) @ precision, self._offset(name, c)
            if t.dim() == 0:
                heads.append(offset + centred @ slope.mT)
            else:
                heads.append(offset + torch.einsum("bij,bj->bi", slope, centred))
        return torch.stack(heads, dim=1)

    def mean(self, t: Tensor) -> Tensor:
        return self._mean(self.path.coefficients(t))

    def covariance(self, t: Tensor) -> Tensor:
        return self._covariance(self.path.coefficients(t))

    def gain(self, name: str, t: Tensor) -> Tensor:
        """Cov(u, x_t) of what the field is the mean of."""
        return self._gain(name, self.path.coefficients(t))

    def _mean(self, c: Coefficients) -> Tensor:
        ends = _column(c.alpha) * self.mean0 + _column(c.beta) * self.mean1
        return ends + _column(c.shift)

    def _covariance(self, c: Coefficients) -> Tensor:
        both = self.cross + self.cross.mT
        a, b = c.alpha, c.beta
        own = _entry(a * a) * self.cov0 + _entry(b * b) * self.cov1
        return own + _entry(a * b) * both + _entry(c.gamma.square()) * self.identity

    def _gain(self, name: str, c: Coefficients) -> Tensor:
        if name in ("score", "multiplicative_score"):
            return -self.identity
        if name == "denoiser" and self.path.one_sided:
            return _entry(c.alpha) * self.cov0 + _entry(c.beta) * self.cross
        if name == "denoiser":
            return _entry(c.gamma) * self.identity
        if name == "target_mean":
            return _entry(c.alpha) * self.cross.mT + _entry(c.beta) * self.cov1
        latent = c.gamma_gamma_dot if name == "velocity" else torch.zeros_like(c.alpha)
        return (
            _entry(c.alpha * c.alpha_dot) * self.cov0
            + _entry(c.beta * c.beta_dot) * self.cov1
            + _entry(c.alpha_dot * c.beta) * self.cross
            + _entry(c.beta_dot * c.alpha) * self.cross.mT
            + _entry(latent) * self.identity
        )

    def _offset(self, name: str, c: Coefficients) -> Tensor:
        if name in ("velocity", "mean_velocity"):
            ends = _column(c.alpha_dot) * self.mean0 + _column(c.beta_dot) * self.mean1
            return ends + _column(c.shift_dot)
        if name == "multiplicative_score":
            return -torch.ones_like(self.mean1)
        return self.mean1 if name == "target_mean" else torch.zeros_like(self.mean1)


def _column(value: Tensor) -> Tensor:
    return value[..., None]


def _entry(value: Tensor) -> Tensor:
    return value[..., None, None]


def _vector(value: Any) -> Tensor:
    return torch.atleast_1d(torch.as_tensor(value, dtype=torch.float64))


def _matrix(value: Any) -> Tensor:
    return torch.atleast_2d(torch.as_tensor(value, dtype=torch.float64))


class Tabulated(Process):
    """A linear process in one dimension whose slopes are read off at once, to step quickly."""

    noise_type = "additive"

    def __init__(self, process: Process) -> None:
        self.process = process
        self.backward = process.backward

    @property
    def span(self) -> tuple[float, float]:
        return self.process.span

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        return self.process.drift(t, x)

    def diffusion(self, t: Tensor) -> Tensor | None:
        return self.process.diffusion(t)

    def coefficients(self, t: Tensor) -> Tensor:
        x = torch.ones(t.numel(), 1, dtype=torch.float64)
        return self.process.drift(t.flatten(), x).view(*t.shape, 1)

    def drift_at(self, c: TimeCoefficients, x: Tensor) -> Tensor:
        return c[0] * x


class ConditionedNetwork(nn.Module):
    """A network with a fixed output, (B, heads, *event), for any input."""

    def __init__(self, heads: Tensor) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        return self.heads


def times(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
