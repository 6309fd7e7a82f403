"""A neural SDE in the units of the data: change of variables, masks, seeds, predictions."""

import math

import pytest
import torch
from helpers.problems import load as load_part
from helpers.problems import node_of

from interpolants.neural_sde.model import TimeSeriesModel
from interpolants.space.log import LogSpace
from interpolants.space.positive_map import PositiveMap
from interpolants.space.scaling import Scaling

_TIMES = (0.5, 1.0, 1.75)
_SHAPE = (3, 2)


@pytest.fixture(scope="module")
def sde():
    torch.manual_seed(0)
    return load_part("neural_sde", "neural_sde", num_steps=2)(event_shape=_SHAPE, times=_TIMES)


def _series(n=5):
    return torch.randn(n, *_SHAPE, generator=torch.Generator().manual_seed(1))


def _mask():
    return torch.tensor([[1, 1, 1], [1, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 1]]).bool()


def _model(sde, scaling=None, **options):
    return TimeSeriesModel(model=sde, event_shape=_SHAPE, scaling=scaling, **options)


def _affine():
    shift, scale = torch.tensor([3.0, -1.0]), torch.tensor([2.0, 0.25])
    return Scaling(shift.expand(_SHAPE), scale.expand(_SHAPE))


@pytest.mark.parametrize("name", ["elbo", "log_likelihood"])
def test_series_model_densities_change_by_the_scale_of_what_was_observed(name, sde):
    scaling, mask = _affine(), _mask()
    raw = getattr(_model(sde), name)(_series(), mask, seed=3)
    scaled = getattr(_model(sde, scaling), name)(scaling.to_data(_series()), mask, seed=3)
    logs = mask.sum(dim=1) * (math.log(2.0) + math.log(0.25))
    torch.testing.assert_close(scaled, raw - logs, rtol=1e-4, atol=1e-3)


def test_series_model_densities_change_by_the_slope_of_the_space(sde):
    """p(x) = p(y) dy/dx with y = log(1 + 2 x): dy/dx = 2 / (1 + 2 x)."""
    space = LogSpace(map=PositiveMap(offset=1.0, scale=2.0))
    x, mask = _series().exp() / 2, _mask()
    y = (1 + 2 * x).log()
    raw = _model(sde).elbo(y, mask, seed=3)
    found = _model(sde, Scaling(space=space)).elbo(x, mask, seed=3)
    slopes = (2 / (1 + 2 * x)).log().sum(dim=2)
    torch.testing.assert_close(found, raw + (slopes * mask).sum(dim=1), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("space", [None, LogSpace()])
def test_series_model_does_not_look_at_what_was_not_observed(space, sde):
    model = _model(sde, Scaling(space=space))
    x, mask = _series().exp(), _mask()
    hidden = torch.where(mask[..., None], x, torch.full_like(x, -math.inf))
    for draw in (model.elbo, model.log_likelihood, model.posterior):
        assert torch.equal(draw(x, mask), draw(hidden, mask))
        assert draw(hidden, mask).isfinite().all()


def test_series_model_predictions_see_no_later_observation(sde):
    model, x = _model(sde, _affine()), _series()
    later = x.clone()
    later[:, 2] = math.nan
    assert torch.equal(model.predict(x, context_length=2), model.predict(later, context_length=2))
    assert not torch.equal(model.predict(x, context_length=3), model.predict(x, context_length=2))


def test_series_model_draws_are_fixed_by_the_seed(sde):
    model, x = _model(sde), _series()
    for draw in (
        lambda seed: model.sample(4, seed=seed).x,
        lambda seed: model.predict(x, context_length=1, seed=seed),
        lambda seed: model.posterior(x, seed=seed),
        lambda seed: model.log_likelihood(x, seed=seed, samples=2),
    ):
        assert torch.equal(draw(5), draw(5))
        assert not torch.equal(draw(5), draw(6))


def test_series_model_samples_have_the_distribution_of_the_prior_in_the_units_of_the_data(sde):
    scaling = _affine()
    raw, scaled = (_model(sde, s).sample(6, seed=2).x for s in (None, scaling))
    torch.testing.assert_close(scaled, scaling.to_data(raw))
    assert _model(sde).nfe == 12  # three intervals of two steps, two evaluations in each


@pytest.mark.parametrize("chunk_size", [1, 2, 64])
def test_series_model_keeps_the_order_of_the_series_in_any_chunk(chunk_size, sde):
    """The posterior stays within a few standard deviations, 0.1, of the observations."""
    model, x = _model(sde, chunk_size=chunk_size), _series()
    assert (model.posterior(x) - x).abs().max() < 0.5
    assert model.sample(5).x.shape == x.shape
    assert model.log_likelihood(x, _mask(), samples=4).shape == (5,)


def test_series_model_knows_the_index_of_its_noise(sde):
    assert float(_model(sde).hurst) == pytest.approx(sde.driver.hurst().item())
    brownian = load_part(
        "neural_sde", "neural_sde", driver=node_of("neural_sde/driver", "brownian")
    )
    assert _model(brownian(event_shape=_SHAPE, times=_TIMES)).hurst is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda m: m.elbo(torch.zeros(4, 2, 2)),
            r"^TimeSeriesModel\.x: expected shape \(n, \*\(3, 2",
        ),
        (
            lambda m: m.elbo(_series(), torch.ones(5, 2).bool()),
            r"^TimeSeriesModel\.mask: expected true and false of shape \(5, 3\)",
        ),
        (lambda m: m.elbo(_series(), torch.ones(5, 3)), r"^TimeSeriesModel\.mask: expected"),
        (lambda m: m.sample(0), r"^TimeSeriesModel\.sample\.n: expected a whole number > 0"),
        (lambda m: m.sample(2, seed=0.5), r"^TimeSeriesModel\.seed: expected a whole number"),
        (
            lambda m: m.predict(_series(), context_length=4),
            r"context_length: expected a whole number in \[1, 3\]",
        ),
        (
            lambda m: m.predict(_series(), context_length=0),
            r"context_length: expected a whole number in \[1, 3\]",
        ),
        (lambda m: m.log_likelihood(_series(), samples=0), r"samples: expected a whole number"),
    ],
)
def test_series_model_refuses(call, message, sde):
    with pytest.raises(ValueError, match=message):
        call(_model(sde))


def test_series_model_refuses_data_outside_their_space(sde):
    model = _model(sde, Scaling(space=LogSpace()))
    with pytest.raises(ValueError, match=r"^LogSpace\.map: expected finite values above 0"):
        model.elbo(_series())
