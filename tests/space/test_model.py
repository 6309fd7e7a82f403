"""Models of data in a space: densities in the data's units, and paths that stay inside."""

from functools import partial

import pytest
import torch
from helpers.problems import INTERPOLANTS, load
from torch import nn
from torch.distributions import (
    AffineTransform,
    LogNormal,
    Normal,
    SigmoidTransform,
    TransformedDistribution,
)

from interpolants.base.dataset import DatasetBase
from interpolants.data.finite import FiniteData
from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import Fields
from interpolants.model.model import Model
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.process.ambient_sde import AmbientSDE
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.euler_maruyama_diagonal import EulerMaruyamaDiagonal
from interpolants.space.euclidean import EuclideanSpace
from interpolants.space.log import LogSpace
from interpolants.space.logit import LogitSpace
from interpolants.space.positive_map import PositiveMap
from interpolants.space.scaling import Scaling
from interpolants.space.signed_log import SignedLogSpace
from interpolants.testing.exact import ExactFields

_MEAN, _STD = torch.tensor([0.3, -0.4]), torch.tensor([0.6, 1.3])
_SHIFT, _SCALE = torch.tensor([0.25, -0.5]), torch.tensor([2.0, 0.5])


def _rows(n, *, seed=0):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed)).double()


def _signed():
    space = SignedLogSpace()
    space.fit(torch.tensor([[-1.0, 1.0]]))
    return space


def _in_chart():
    """Distribution of y = shift + scale x, x ~ N(mean, std^2), as in the exact model."""
    return Normal((_SHIFT + _SCALE * _MEAN).double(), (_SCALE * _STD).double())


_MAP = PositiveMap(offset=1.0, scale=0.5)
# Spaces, and the density of data whose chart has that distribution.
_CASES = {
    "log": (LogSpace(), lambda y: LogNormal(y.loc, y.scale)),
    "log of a map": (
        LogSpace(map=_MAP),
        lambda y: TransformedDistribution(LogNormal(y.loc, y.scale), AffineTransform(-2, 2)),
    ),
    "logit": (
        LogitSpace(low=-1.0, high=3.0),
        lambda y: TransformedDistribution(y, [SigmoidTransform(), AffineTransform(-1, 4)]),
    ),
    "signed log": (
        _signed(),
        lambda y: TransformedDistribution(
            LogNormal(y.loc, y.scale), AffineTransform(0, torch.tensor([-1.0, 1.0]))
        ),
    ),
}


def _exact_model(space):
    """A model whose chart is exactly normal."""
    path = INTERPOLANTS["one_sided_linear"]
    target = GaussianMixture(means=[_MEAN.tolist()], std=[_STD.tolist()])
    base = GaussianMixture(means=[[0.0, 0.0]], std=1.0)
    net = ExactFields(base=base, target=target, interpolant=path, predicts=["velocity"])
    fields = Fields(net=net, interpolant=path, predicts=["velocity"])
    return Model(fields=fields, event_shape=(2,), scaling=Scaling(_SHIFT, _SCALE, space))


@pytest.mark.parametrize(("space", "distribution"), _CASES.values(), ids=_CASES)
def test_space_model_log_prob_is_the_closed_form_in_the_units_of_the_data(space, distribution):
    model, y = _exact_model(space), _in_chart()
    x = space.from_chart(y.loc + y.scale * _rows(50))
    expected = distribution(y).log_prob(x).sum(1)
    found = model.log_prob(x, num_steps=64).value
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    x = x.requires_grad_()
    found = model.log_prob(x, num_steps=64, gradients=True).value
    (gradient,) = torch.autograd.grad(found.sum(), [x])
    (exact,) = torch.autograd.grad(distribution(y).log_prob(x).sum(), [x])
    torch.testing.assert_close(gradient, exact, rtol=1e-5, atol=1e-5)
    assert not model.log_prob(x).value.requires_grad


@pytest.mark.parametrize(("space", "distribution"), _CASES.values(), ids=_CASES)
def test_space_model_samples_come_with_their_densities_and_follow_the_distribution(
    space, distribution
):
    model, y, n = _exact_model(space), _in_chart(), 1500
    samples = model.sample(n, log_prob=True, num_steps=64, chunk_size=600)
    x = samples.x.double()
    space.check(samples.x)
    expected = distribution(y).log_prob(x).sum(1)
    # In float32, whose rounding of x a density near a bound of the data magnifies.
    error = (samples.log_prob - expected).abs()
    assert error.median() < 2e-6 and error.max() < 1e-3
    white = (space.to_chart(x) - y.loc) / y.scale
    assert white.mean(0).abs().max() < 5 / n**0.5
    assert (white.var(0) - 1).abs().max() < 5 * (2 / n) ** 0.5


class _Still(nn.Module):
    """A velocity of zero."""

    def forward(self, t, x):
        return torch.zeros_like(x).unsqueeze(1)


def _still(**options):
    path = INTERPOLANTS["linear"]
    return Fields(net=_Still(), interpolant=path, predicts=["velocity"], **options)


def _uniform(*, fields, **options):
    return Sampler(fields=fields, grid=UniformGrid(), num_steps=4, **options)


def test_space_model_paths_stay_in_the_space_and_their_units_are_geometric():
    """A state that is constant in the network's units is multiplied by 100 over the path."""
    scaling = Scaling(torch.tensor(100.0).log(), space=LogSpace())
    model = Model(fields=_still(), event_shape=(2,), scaling=scaling)
    start = _rows(6).float()
    samples = model.sample(6, start=start, times=(0, 0.5, 1), sampler=_uniform)
    expected = torch.stack([start.exp() * factor for factor in (1, 10, 100)])
    torch.testing.assert_close(samples.path, expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(samples.x, expected[-1], rtol=1e-5, atol=0)


def test_space_model_paths_start_at_the_data_of_a_base_in_their_own_units():
    rows = _rows(40).exp()
    base = DatasetBase(data=FiniteData(rows), space=LogSpace())
    data = FiniteData(50 * rows.square())
    scaling = Scaling(*data.chart_units(LogSpace()), LogSpace())
    model = Model(fields=_still(base=base), event_shape=(2,), scaling=scaling)
    start = rows[:6].float()
    samples = model.sample(6, start=start, times=(0, 0.3), sampler=_uniform)
    torch.testing.assert_close(samples.path[0], start, rtol=1e-5, atol=0)
    # With zero velocity: the same number of standard deviations from the mean of the logarithms.
    torch.testing.assert_close(samples.x.log(), scaling.to_chart(base.scaling.to_model(start)))
    between = 0.7 * start.log() + 0.3 * samples.x.log()
    torch.testing.assert_close(samples.path[1].log(), between, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match=r"^LogSpace\.map: expected finite values above 0 \(1 of"):
        model.sample(6, start=start - start.amin())


def test_space_model_refuses_data_outside_its_space():
    model = _exact_model(LogSpace())
    with pytest.raises(ValueError, match=r"LogSpace\.map: .* got \(-1\.0, 1\.0\); raise"):
        model.log_prob(torch.tensor([[1.0, -1.0]]))
    data = FiniteData(_rows(50))
    text = r"^DatasetBase\.data, the base's own data: LogSpace.* of 100 are not.*data@base\.data="
    with pytest.raises(ValueError, match=text):
        DatasetBase(data=data, space=LogSpace())


def test_space_model_refuses_data_that_round_onto_the_border_in_its_precision():
    fields, least = _still(), torch.tensor([[1.0, 1e-60]], dtype=torch.float64)
    fields.net.weight = nn.Parameter(torch.ones(1))
    model = Model(fields=fields, event_shape=(2,), scaling=Scaling(space=LogSpace()))
    backward = partial(_uniform, process=partial(ProbabilityFlow, backward=True))
    with pytest.raises(ValueError, match=r"LogSpace\.map: .* got \(0\.0, 1\.0\)"):
        model.log_prob(least)
    with pytest.raises(ValueError, match=r"LogSpace\.map: .* got \(0\.0, 1\.0\)"):
        model.sample(1, start=least, sampler=backward)


@pytest.mark.parametrize("name", ["euclidean", "log", "logit", "signed_log"])
def test_scaling_undoes_itself_and_knows_its_volume(name):
    space = load("space", name)
    space.fit(torch.tensor([[1.0, 2.0]]))
    scaling, x = Scaling(_SHIFT, _SCALE, space), _rows(5)
    torch.testing.assert_close(scaling.to_model(scaling.to_data(x)), x)
    torch.testing.assert_close(scaling.to_data(x), space.from_chart(_SHIFT + _SCALE * x))
    jacobian = torch.func.vmap(torch.func.jacrev(lambda one: scaling.to_data(one[None])[0]))(x)
    torch.testing.assert_close(scaling.log_volume(x), torch.linalg.slogdet(jacobian).logabsdet)


def test_scaling_of_raw_euclidean_data_does_nothing():
    x, scaling = _rows(3), Scaling(torch.zeros(2), torch.ones(2), load("space", "euclidean"))
    assert scaling.to_model(x) is x and scaling.to_data(x) is x and scaling.to_chart(x) is x


def test_data_are_standardized_in_the_chart():
    rows = (2 + 0.5 * _rows(500)).exp()
    data = FiniteData(rows)
    shift, scale = data.chart_units(LogSpace())
    train = data.fitting_batch().x1.double().log()
    torch.testing.assert_close(shift.double(), train.mean(0), rtol=1e-6, atol=0)
    torch.testing.assert_close(scale.double(), train.std(0, correction=0), rtol=1e-5, atol=0)
    assert data.chart_units(load("space", "euclidean")) == (data.shift, data.scale)
    raw = FiniteData(rows, standardize=False)
    pixels = PositiveMap(offset=1.0, scale=0.0625, low=0.0, high=16.0)
    for units in (
        raw.chart_units(LogSpace()),
        load("data", "digits").chart_units(LogSpace(map=pixels)),
    ):
        assert (units[0] == 0).all() and (units[1] == 1).all()


def test_distributions_are_standardized_in_the_chart_by_fixed_draws():
    distribution = partial(GaussianMixture, means=[[9.0, 7.0]], std=0.5)
    shift, scale = distribution().chart_units(LogSpace())
    drawn = distribution().fitting_batch().x1.log()
    torch.testing.assert_close(shift, drawn.mean(0))
    torch.testing.assert_close(scale, drawn.std(0, correction=0))
    shift, scale = distribution(standardize=False).chart_units(LogSpace())
    assert (shift == 0).all() and (scale == 1).all()


def test_data_held_out_rows_are_checked_but_not_fitted():
    rows = torch.rand(40, 2, generator=torch.Generator().manual_seed(0)) + 0.5
    for row in rows:  # until the one that is changed is held out
        before, row[1] = row[1].clone(), -1.0
        data = FiniteData(rows)
        if (data.held_out(40, seed=0).x1 < 0).any():
            break
        row[1] = before
    for space in (LogSpace(), SignedLogSpace()):
        with pytest.raises(ValueError, match=r"\(1 of 80 are not;"):
            data.chart_units(space)


def test_space_model_counts_the_samples_that_left_it_over_chunks():
    sampler = partial(
        Sampler, process=AmbientSDE, epsilon=0.5, solver=EulerMaruyamaDiagonal(), num_steps=8
    )
    with pytest.warns(UserWarning, match="steps are few"):
        samples = _exact_model(LogSpace()).sample(500, sampler=sampler, chunk_size=150)
    gone = samples.x.isnan().any(1)
    assert samples.outside == int(gone.sum()) and 0 < samples.outside < 500
    assert (samples.x[~gone] > 0).all()
    assert _exact_model(LogSpace()).sample(10, num_steps=4).outside is None


def test_space_model_refuses_a_process_in_factors_where_the_chart_is_no_logarithm():
    sampler = partial(Sampler, process=AmbientSDE, epsilon=0.5, solver=EulerMaruyamaDiagonal())
    for space in (EuclideanSpace(), LogitSpace()):
        text = r"^Model\.sampler: expected .* for AmbientSDE, got '\w+Space'; use space=log"
        with pytest.raises(ValueError, match=text):
            _exact_model(space).sample(10, sampler=sampler)
