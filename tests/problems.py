"""Problems with closed forms, and the configured parts to run on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from interpolants import spec
from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.exact import ExactFields
from interpolants.fields import Fields
from interpolants.interpolant.base import AffineInterpolant

_CONF = Path(__file__).parent.parent / "conf"


def stems(group: str) -> list[str]:
    """The options of a conf group."""
    return sorted(path.stem for path in (_CONF / group).glob("*.yaml"))


def load(group: str, stem: str, **changes: Any) -> Any:
    """The object that conf/<group>/<stem>.yaml describes."""
    return spec.build(_node(group, stem) | changes)


def _node(group: str, stem: str) -> dict[str, Any]:
    node = yaml.safe_load((_CONF / group / f"{stem}.yaml").read_text())
    for entry in node.pop("defaults", []):
        for key, value in entry.items() if isinstance(entry, dict) else ():
            if not key.startswith("override"):
                node[key] = _node(f"{group}/{key}", value)
    return _without_references(node)


def _without_references(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_references(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_without_references(value) for value in node]
    return _node("weight", "constant") if node == "${weight}" else node


INTERPOLANTS: dict[str, AffineInterpolant] = {
    stem: load("interpolant", stem) for stem in stems("interpolant")
}
ONE_SIDED = [stem for stem, path in INTERPOLANTS.items() if path.one_sided]
TWO_SIDED = [stem for stem, path in INTERPOLANTS.items() if not path.one_sided]

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

    def fields(self) -> Fields:
        return Fields(net=self, interpolant=self.path, predicts=self.predicts)

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        centred, precision = x - self.mean(t), torch.linalg.inv(self.covariance(t))
        heads = []
        for name in self.predicts:
            slope = self.gain(name, t) @ precision
            if t.dim() == 0:
                heads.append(self._offset(name, t) + centred @ slope.mT)
            else:
                heads.append(self._offset(name, t) + torch.einsum("bij,bj->bi", slope, centred))
        return torch.stack(heads, dim=1)

    def mean(self, t: Tensor) -> Tensor:
        c = self._at(t)
        return (c[0] * self.mean0 + c[1] * self.mean1)[..., 0, :]

    def covariance(self, t: Tensor) -> Tensor:
        a, b, g, *_ = self._at(t)
        both = self.cross + self.cross.mT
        return a**2 * self.cov0 + b**2 * self.cov1 + a * b * both + g**2 * self._identity

    def gain(self, name: str, t: Tensor) -> Tensor:
        """Cov(u, x_t) of what the field is the mean of."""
        a, b, g, a_dot, b_dot, _, g_g_dot = self._at(t)
        if name == "score":
            return -self._identity
        if name == "denoiser":
            return a * self.cov0 + b * self.cross if self.path.one_sided else g * self._identity
        if name == "target_mean":
            return a * self.cross.mT + b * self.cov1
        own = a * a_dot * self.cov0 + b * b_dot * self.cov1
        mean_gain = own + a_dot * b * self.cross + b_dot * a * self.cross.mT
        return mean_gain + g_g_dot * self._identity if name == "velocity" else mean_gain

    def velocity_slope(self, t: Tensor) -> Tensor:
        return self.gain("velocity", t) @ torch.linalg.inv(self.covariance(t))

    def _offset(self, name: str, t: Tensor) -> Tensor:
        c = self._at(t)
        if name in ("velocity", "mean_velocity"):
            return (c[3] * self.mean0 + c[4] * self.mean1)[..., 0, :]
        return self.mean1 if name == "target_mean" else torch.zeros_like(self.mean1)

    def _at(self, t: Tensor) -> list[Tensor]:
        return [value[..., None, None] for value in self.path.coefficients(t)]

    @property
    def _identity(self) -> Tensor:
        return torch.eye(len(self.cov0), dtype=torch.float64)


def _vector(value: Any) -> Tensor:
    return torch.atleast_1d(torch.as_tensor(value, dtype=torch.float64))


def _matrix(value: Any) -> Tensor:
    return torch.atleast_2d(torch.as_tensor(value, dtype=torch.float64))


class Given(nn.Module):
    """A network that returns what it was given, (B, heads, *event), whatever it is asked."""

    def __init__(self, heads: Tensor) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        return self.heads


def times(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
