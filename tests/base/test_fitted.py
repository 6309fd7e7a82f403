"""Bases that are fitted to the path at t=0: closed forms, and training runs."""

import math

import pytest
import torch
from helpers.compose import leave_out_figures, run_folder, train_with
from helpers.problems import NORMAL, load
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

import interpolants as si
from interpolants.base.base import Base
from interpolants.base.class_average import ClassAverageBase
from interpolants.base.fitted import FittedBase
from interpolants.base.fitted_iid import FittedIidBase
from interpolants.base.gaussian import GaussianBase
from interpolants.checkpoint.reading import read_checkpoint
from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.interpolant.variance_exploding import VarianceExplodingInterpolant
from interpolants.metric.energy_distance import EnergyDistance
from interpolants.testing import check_base
from interpolants.testing.exact import ExactFields
from interpolants.utils.seeds import keyed_generator

_LEAVES = (FittedBase, FittedIidBase, ClassAverageBase)
_SIGNAL, _SIGMAS = 0.8, 4.5
_MIXTURE = GaussianMixture(
    means=[[3.0, -1.0], [1.0, 1.0], [4.0, 2.0]],
    weights=[0.5, 0.2, 0.3],
    std=[[0.2, 1.0], [0.5, 0.1], [0.3, 0.4]],
    standardize=False,
)


def _rows(shape=(3, 2, 2), n=60):
    """Rows whose moments differ by coordinate, and three classes, not numbered from 0."""
    scale = 0.1 + torch.rand(shape, generator=keyed_generator(1))
    centre = 2 * torch.randn(shape, generator=keyed_generator(2))
    label = torch.tensor([3, 7, 7, 12]).repeat(n // 4)
    x = centre + scale * torch.randn(n, *shape, generator=keyed_generator(3))
    return x + label.view(-1, *(1,) * len(shape)) / 5, label


def _fitted(kind, shape=(3, 2, 2), signal=_SIGNAL):
    base = kind()
    base.fit(*_rows(shape), signal)
    return base


def _expected(kind, shape):
    """Distribution of `start`, by torch.distributions."""
    x, label = _rows(shape)
    x = x.double()
    if kind is ClassAverageBase:
        means = torch.stack([x[label == k].mean(dim=0) for k in (3, 7, 12)])
        parts = Normal(_SIGNAL * means, torch.ones_like(means))
        weights = Categorical(torch.tensor([0.25, 0.5, 0.25], dtype=torch.float64))
        return MixtureSameFamily(weights, Independent(parts, len(shape)))
    own = x
    if kind is FittedIidBase and len(shape) == 3:  # channel by channel
        own = x.movedim(1, 0).flatten(1).mT
    elif kind is FittedIidBase:
        own = x.flatten()
    mean, variance = own.mean(dim=0), own.var(dim=0, correction=0)
    if kind is FittedIidBase and len(shape) == 3:
        mean, variance = mean[:, None, None], variance[:, None, None]
    std = (1 + _SIGNAL**2 * variance).sqrt().expand(shape)
    return Independent(Normal((_SIGNAL * mean).expand(shape), std), len(shape))


@pytest.mark.parametrize("kind", _LEAVES)
@pytest.mark.parametrize("shape", [(4,), (3, 2, 2)])
def test_fitted_bases_start_from_their_closed_form(kind, shape):
    base, distribution, n = _fitted(kind, shape), _expected(kind, shape), 20_000
    x = base.start(n, shape, keyed_generator(4))
    assert x.dtype == torch.float32
    x = x.double()
    assert (
        (x.mean(dim=0) - distribution.mean).abs() < _SIGMAS * (distribution.variance / n).sqrt()
    ).all()
    squares = (x - distribution.mean).square()
    off = (squares.mean(dim=0) - distribution.variance).abs()
    assert (off < _SIGMAS * squares.std(dim=0) / n**0.5).all()
    torch.testing.assert_close(base.log_prob(x), distribution.log_prob(x), rtol=1e-5, atol=1e-5)
    check_base(base, shape)


@pytest.mark.parametrize("kind", _LEAVES)
def test_fitted_bases_are_standard_normal_in_training_and_where_the_path_begins_at_x0(kind):
    base = _fitted(kind, signal=0.0)
    assert base.standard_normal
    x = base.sample(50, (3, 2, 2), keyed_generator(5))
    assert torch.equal(x, GaussianBase().sample(50, (3, 2, 2), keyed_generator(5)))
    torch.testing.assert_close(base.log_prob(x), GaussianBase().log_prob(x))


def _kl_from_the_initial_state(base):
    """KL divergence of `start` from r x1 + x0, for x1 of the mixture, by a sum over the plane."""
    covariances = _SIGNAL**2 * _MIXTURE.covariances + torch.eye(2, dtype=torch.float64)
    exact = GaussianMixture(
        means=(_SIGNAL * _MIXTURE.means).tolist(),
        weights=_MIXTURE.weights.tolist(),
        covariances=covariances.tolist(),
    )
    axis = torch.linspace(-8, 11, 400, dtype=torch.float64)
    x = torch.cartesian_prod(axis, axis)
    log_p = exact.log_density(x)
    mass = log_p.exp() * (axis[1] - axis[0]) ** 2
    assert abs(mass.sum() - 1) < 1e-6
    return float((mass * (log_p - base.log_prob(x))).sum())


def test_fitted_base_is_nearer_to_the_path_at_zero_than_one_fit_for_all_and_than_a_normal():
    batch = _MIXTURE.sample(20_000, keyed_generator(6))
    found = {}
    for kind in (FittedBase, FittedIidBase, GaussianBase):
        base = kind()
        base.fit(batch.x1, batch.label, _SIGNAL)
        found[kind] = _kl_from_the_initial_state(base)
    assert 0 < found[FittedBase] < 0.5 * found[FittedIidBase] < 0.25 * found[GaussianBase]


def test_fields_start_a_path_from_the_fitted_initial_state():
    path = VarianceExplodingInterpolant(sigma_max=2.0)
    fields = si.Fields(
        net=torch.nn.Identity(), interpolant=path, predicts=("denoiser",), base=FittedBase()
    )
    x1, _ = _rows((4,))
    fields.fit_base(x1, None)
    state = fields.base_state(fields.base.start(40_000, (4,), keyed_generator(7)))
    variance = x1.var(dim=0, correction=0) + 2.0**2
    assert ((state.mean(0) - x1.mean(0)).abs() < _SIGMAS * (variance / 40_000).sqrt()).all()
    assert ((state.var(0) / variance - 1).abs() < _SIGMAS * (2 / 40_000) ** 0.5).all()
    distribution = Independent(Normal(x1.mean(0), variance.sqrt()), 1)
    torch.testing.assert_close(
        fields.base_log_prob(state), distribution.log_prob(state), rtol=1e-4, atol=1e-4
    )


def _distance_of_samples(base):
    """Energy distance to the mixture of samples drawn with exact fields."""
    path, names = VarianceExplodingInterpolant(sigma_max=1 / _SIGNAL), ("denoiser",)
    net = ExactFields(base=NORMAL, target=_MIXTURE, interpolant=path, predicts=names)
    fields = si.Fields(net=net, interpolant=path, predicts=names, base=base)
    batch = _MIXTURE.sample(20_000, keyed_generator(6))
    fields.fit_base(batch.x1, batch.label)
    x = si.Model(fields=fields, event_shape=(2,)).sample(2000, num_steps=60).x
    return EnergyDistance()(x, _MIXTURE.held_out(2000, 0).x1)


def test_fitted_base_lets_exact_fields_reach_the_data_where_a_normal_does_not():
    floor = EnergyDistance()(_MIXTURE.held_out(2000, 1).x1, _MIXTURE.held_out(2000, 0).x1)
    fitted, plain = _distance_of_samples(FittedBase()), _distance_of_samples(GaussianBase())
    assert fitted - floor < 0.02 * plain


@pytest.mark.parametrize("kind", _LEAVES)
def test_fitted_bases_are_restored_from_a_state_of_any_shape(kind):
    state = torch.nn.ModuleDict({"base": _fitted(kind)}).state_dict()
    assert set(state) == {"base.weight", "base.mean", "base.std"}
    x = torch.randn(5, 3, 2, 2, generator=keyed_generator(8))
    expected = _fitted(kind).log_prob(x)
    for other in (kind(), _fitted(kind, (5,))):
        torch.nn.ModuleDict({"base": other}).load_state_dict(state, strict=True)
        assert torch.equal(other.log_prob(x), expected)
    back = _fitted(kind)
    back.load_state_dict(kind().state_dict())
    with pytest.raises(ValueError, match="fitted to data"):
        back.log_prob(x)


@pytest.mark.parametrize("kind", _LEAVES)
def test_fitted_bases_refuse_before_fit_and_other_shapes(kind):
    name = kind.__name__
    rule = "expected a base that was fitted to data, got 'one before fit'; call Fields.fit_base"
    with pytest.raises(ValueError, match=f"{name}.start: {rule}"):
        kind().start(3, (2,), keyed_generator(0))
    with pytest.raises(ValueError, match=f"{name}.log_prob: {rule}"):
        kind().log_prob(torch.zeros(1, 2))
    with pytest.raises(
        ValueError, match=rf"{name}.start: expected samples of the shape \(3, 2, 2"
    ):
        _fitted(kind).start(3, (2,), keyed_generator(0))


def test_class_average_base_refuses_data_without_labels():
    rule = "ClassAverageBase.fit: expected data with classes, got None; choose data with classes"
    with pytest.raises(ValueError, match=rule):
        ClassAverageBase().fit(torch.zeros(3, 2), None, 1.0)


class _Faulty(Base):
    """Base that starts from N(1, 1), with a planted fault."""

    def __init__(self, fault):
        self.fault, self.scaling = fault, GaussianBase().scaling

    def sample(self, n, event_shape, generator):
        return torch.randn(n, *event_shape, generator=generator)

    def start(self, n, event_shape, generator):
        own = None if self.fault == "ignores the generator" else generator
        return 1 + torch.randn(n, *event_shape, generator=own)

    def log_prob(self, x0):
        mean = 0 if self.fault == "density of another distribution" else 1
        surplus = 0.1 if self.fault == "density of another mass" else 0
        log_prob = -((x0 - mean).square() / 2 + math.log(2 * math.pi) / 2)
        return log_prob.flatten(1).sum(dim=1) + surplus


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("ignores the generator", "start: not determined by its arguments alone"),
        ("density of another distribution", "log_prob: not the density of start"),
        ("density of another mass", "log_prob: not the density of start"),
    ],
)
def test_contract_finds_faults_of_where_a_base_starts(fault, message):
    check_base(_Faulty(""))
    with pytest.raises(AssertionError, match=message):
        check_base(_Faulty(fault))


_RUN = (
    "data=moons",
    "interpolant=variance_exploding",
    "interpolant.sigma_max=2",
    "objective=denoiser",
)


@pytest.mark.parametrize("stem", ["fitted", "class_average"])
def test_fitted_base_trains_resumes_and_samples(stem, tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    run = (*_RUN, f"base={stem}")
    last = "checkpoints/last.ckpt"
    whole = run_folder(train_with(tmp_path / "whole", *run))
    train_with(tmp_path / "parts", *run, "max_steps=2", "scheduler.max_steps=4")
    rest = ("resume=auto", "scheduler.max_steps=4")
    parts = run_folder(train_with(tmp_path / "parts", *run, *rest))
    states = [read_checkpoint(run / last)["state_dict"] for run in (whole, parts)]
    assert states[0].keys() == states[1].keys() and "trainable.model.base.mean" in states[0]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    model = si.load(whole / last)
    fitted = load("base", stem)
    batch = load("data", "moons").fitting_batch()
    fitted.fit(batch.x1, batch.label, 0.5)
    x = torch.randn(5, 2, generator=keyed_generator(9))
    torch.testing.assert_close(model.fields.base.log_prob(x), fitted.log_prob(x))
    drawn = [one.sample(64, seed=1, num_steps=4).x for one in (model, si.load(parts / last))]
    assert torch.equal(*drawn) and drawn[0].isfinite().all()
    assert model.sample(64, num_steps=4, log_prob=True).log_prob.isfinite().all()


def test_class_average_base_refuses_a_run_on_data_without_labels(tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    with pytest.raises(ValueError, match=r"ClassAverageBase.fit: expected data with classes"):
        train_with(tmp_path, "base=class_average", *_RUN, "data=checkerboard")
    assert not (tmp_path / "outputs").exists()


def _begin(base, sigma_max, x1):
    path = VarianceExplodingInterpolant(sigma_max=sigma_max)
    fields = si.Fields(net=torch.nn.Identity(), interpolant=path, predicts=["score"], base=base)
    fields.fit_base(x1, None)


def test_a_start_that_leaves_out_much_of_the_data_is_warned_of(recwarn):
    """The data at t=0 are |x1| / sigma_max in units of the noise."""
    x1 = 2 * torch.ones(10, 3)
    with pytest.warns(UserWarning, match=r"data 0\.5 times as large.* GaussianBase .*base=fitted"):
        _begin(GaussianBase(), 4.0, x1)
    recwarn.clear()
    _begin(GaussianBase(), 10.0, x1)
    _begin(FittedBase(), 4.0, x1)
    assert not recwarn.list
