"""Latent equations: where everything is linear, the bound is the likelihood itself."""

import math
from functools import partial

import pytest
import torch
from helpers.problems import times

from interpolants.driver.brownian import Brownian
from interpolants.driver.hurst import Hurst
from interpolants.driver.mandelbrot_van_ness import MandelbrotVanNess
from interpolants.driver.markov_fractional_brownian import MarkovFractionalBrownian
from interpolants.driver.riemann_liouville import RiemannLiouville
from interpolants.neural_sde.control.mlp import MLPControl
from interpolants.neural_sde.decoder.identity import IdentityDecoder
from interpolants.neural_sde.diffusion.constant import ConstantDiffusion
from interpolants.neural_sde.diffusion.coordinate import CoordinateDiffusion
from interpolants.neural_sde.drift.mean_reverting import MeanRevertingDrift
from interpolants.neural_sde.drift.zero import ZeroDrift
from interpolants.neural_sde.encoder.recurrent import RecurrentEncoder
from interpolants.neural_sde.neural_sde import NeuralSDE
from interpolants.neural_sde.solver.driven_euler import DrivenEuler
from interpolants.neural_sde.solver.driven_heun import DrivenHeun
from interpolants.neural_sde.start.gaussian import GaussianStart
from interpolants.sampler.grid.uniform import UniformGrid

_TIMES = (0.0, 0.1, 0.25, 0.5, 0.55, 1.0)
_GAMMAS = (0.05, 0.4, 3.0, 20.0)


def _ou_driver(hurst=0.3, representation=MandelbrotVanNess, **options):
    return partial(
        MarkovFractionalBrownian,
        hurst=hurst,
        representation=representation(normalize=True),
        gammas=_GAMMAS,
        **options,
    )


_DRIVERS = {
    "brownian": Brownian,
    "type one": _ou_driver(),
    "type one with a slope": _ou_driver(0.8, random_slope=True),
    "type two": _ou_driver(0.7, RiemannLiouville),
    "an index each": _ou_driver((0.2, 0.6)),
}


def _model(driver=Brownian, at=_TIMES, size=2, **options):
    """X(0) ~ N(0.3, 0.8^2), sigma 1.5, observation noise 0.2; the posterior is the guide's."""
    parts = {
        "driver": driver,
        "start": partial(GaussianStart, mean=0.3, std=0.8),
        "drift": ZeroDrift,
        "diffusion": partial(ConstantDiffusion, value=1.5),
        "decoder": partial(IdentityDecoder, std=0.2),
        "encoder": None,
        "control": None,
        "latent": None,
        "guide": True,
        "solver": DrivenEuler(),
        "grid": UniformGrid(),
        "num_steps": 2,
    } | options
    return NeuralSDE(event_shape=(len(at), size), times=at, **parts).double()


def _data(n=5, at=_TIMES, size=2):
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(n, len(at), size, generator=generator, dtype=torch.float64)
    mask = torch.rand(n, len(at), generator=generator) > 0.3
    return values * mask.unsqueeze(-1), mask


def _covariance(model, at):
    """Covariance of X at some times, without observation noise, (D, m, m)."""
    s, t = torch.meshgrid(times(*at), times(*at), indexing="ij")
    std = model.start.moments()[1][:, None, None]
    scale = model.diffusion.constant()[:, None, None]
    return std.square() + scale.square() * model.driver.covariance(s, t)


def _log_marginal(model, values, mask, at=_TIMES):
    """log p(o) of each series, from the covariance of the driver in closed form."""
    noise = model.decoder.std().square() * torch.eye(len(at), dtype=torch.float64)
    covariance = (_covariance(model, at) + noise).expand(model.latent, -1, -1)
    mean, logs = model.start.moments()[0], []
    for row, context_length in zip(values, mask, strict=True):
        own = covariance[:, context_length][:, :, context_length]
        representation = torch.distributions.MultivariateNormal(
            mean[:, None].expand(-1, len(own[0])), own
        )
        logs.append(representation.log_prob(row[context_length].T).sum())
    return torch.stack(logs)


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("num_steps", [1, 3])
@pytest.mark.parametrize("name", _DRIVERS)
def test_neural_sde_weight_of_one_path_is_the_likelihood_where_all_is_linear(name, num_steps):
    model, (values, mask) = _model(_DRIVERS[name], num_steps=num_steps), _data()
    found = model.log_likelihood(values, mask, _generator(), 1)
    torch.testing.assert_close(found, _log_marginal(model, values, mask), rtol=1e-8, atol=1e-7)


@pytest.mark.parametrize("name", ["brownian", "type one"])
def test_neural_sde_bound_is_tight_where_all_is_linear(name):
    model, (values, mask) = _model(_DRIVERS[name]), _data(3)
    many = values.repeat_interleave(4_000, dim=0), mask.repeat_interleave(4_000, dim=0)
    bound = model.elbo(*many, _generator()).total.view(3, -1)
    error = 4.5 * bound.std(dim=1) / math.sqrt(bound.shape[1])
    assert ((bound.mean(dim=1) - _log_marginal(model, values, mask)).abs() < error).all()


def test_neural_sde_gradients_are_those_of_the_likelihood_where_all_is_linear():
    hurst = Hurst(value=0.35, learnable=True)
    model = _model(_ou_driver(hurst), decoder=partial(IdentityDecoder, std=0.2, learnable=True))
    values, mask = _data()
    learned = [p for p in model.parameters() if p.requires_grad]
    wanted = torch.autograd.grad(
        _log_marginal(model, values, mask).sum(), learned, allow_unused=True
    )
    log = model.log_likelihood(values, mask, _generator(), 1)
    got = torch.autograd.grad(log.sum(), learned, allow_unused=True)
    named = [name for name, p in model.named_parameters() if p.requires_grad]
    assert {n for n, g in zip(named, wanted, strict=True) if g is not None} >= {
        "driver.hurst.logit",
        "diffusion.log_value",
        "start.mean",
        "start.log_std",
        "decoder.log_std",
    }
    for found, exact in zip(got, wanted, strict=True):
        if exact is not None:
            torch.testing.assert_close(found, exact, rtol=1e-5, atol=1e-6)


def test_neural_sde_of_a_linear_drift_converges_to_the_likelihood():
    """With first order in the steps, of an Ornstein-Uhlenbeck process's closed form."""
    rate, level = 2.0, 0.4
    drift = partial(MeanRevertingDrift, rate=rate, level=level, hidden=0)
    values, mask = _data()
    t, eye = times(*_TIMES), torch.eye(len(_TIMES), dtype=torch.float64)
    fall = torch.exp(-rate * t)
    both = torch.exp(-rate * (t + t[:, None]))
    own = 1.5**2 / (2 * rate) * (torch.exp(-rate * (t - t[:, None]).abs()) - both)
    covariance = own + 0.8**2 * both + 0.2**2 * eye
    mean = level + (0.3 - level) * fall
    exact = torch.stack(
        [
            torch.distributions.MultivariateNormal(
                mean[context_length], covariance[context_length][:, context_length]
            )
            .log_prob(row[context_length].T)
            .sum()
            for row, context_length in zip(values, mask, strict=True)
        ]
    )
    errors = []
    for num_steps in (10, 40):
        model = _model(drift=drift, num_steps=num_steps)
        found = model.log_likelihood(values, mask, _generator(), 64)
        errors.append((found - exact).abs().max())
    assert errors[1] < 0.3 * errors[0]
    assert errors[1] < 0.01 * exact.abs().max()


def test_neural_sde_network_and_encoder_begin_at_the_guide():
    plain = _model(_ou_driver())
    values, mask = _data()
    full = _model(_ou_driver(), encoder=RecurrentEncoder, control=MLPControl)
    found = full.log_likelihood(values, mask, _generator(), 1)
    torch.testing.assert_close(found, plain.log_likelihood(values, mask, _generator(), 1))


def _perturbed(**options):
    """A model whose every zeroed layer has been moved, so that all parts act."""
    torch.manual_seed(0)
    model = _model(
        _ou_driver(),
        encoder=RecurrentEncoder,
        control=MLPControl,
        drift=partial(MeanRevertingDrift, rate=1.0, hidden=8),
        **options,
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def test_neural_sde_gives_probability_one_to_no_observation():
    model = _perturbed()
    values, none = torch.zeros(3, 6, 2).double(), torch.zeros(3, 6, dtype=torch.bool)
    # For any posterior the mean weight is that of its paths.
    assert model.log_likelihood(values, none, _generator(), 10_000).abs().max() < 0.1


def test_neural_sde_weights_are_fair_whatever_the_posterior():
    """E exp(log weight) is the likelihood for the prior's own drift: here it is linear."""
    model, (values, mask) = _perturbed(guide=True), _data(1)
    with torch.no_grad():
        model.drift.net[-1].weight.zero_()
        model.drift.net[-1].bias.zero_()
        model.drift.log_rate.fill_(-30.0)
    found = model.log_likelihood(values, mask, _generator(), 20_000)
    torch.testing.assert_close(found, _log_marginal(model, values, mask), rtol=0, atol=0.03)


def test_neural_sde_prediction_is_that_of_the_gaussian_process():
    model, (values, _) = _model(_ou_driver(0.8)), _data(1)
    context_length, n = 4, 20_000
    mask = torch.ones(n, len(_TIMES), dtype=torch.bool)
    paths = model.predict(
        values.expand(n, -1, -1), mask, _generator(), context_length=context_length
    )
    covariance = _covariance(model, _TIMES).expand(2, -1, -1)
    noise = 0.2**2 * torch.eye(context_length, dtype=torch.float64)
    gain = torch.linalg.solve(
        covariance[:, :context_length, :context_length] + noise, covariance[:, :context_length]
    )
    residual = (values[0, :context_length] - 0.3).T.unsqueeze(-1)
    mean = 0.3 + (gain.mT @ residual).squeeze(-1).T
    spread = (
        (covariance - covariance[:, :, :context_length] @ gain).diagonal(dim1=1, dim2=2).T.sqrt()
    )
    error = 4.5 * spread / math.sqrt(n)
    assert ((paths.mean(dim=0) - mean).abs() < error).all()
    assert ((paths.std(dim=0) / spread - 1).abs() < 4.5 / math.sqrt(2 * n)).all()


def test_neural_sde_prior_has_the_distribution_of_its_driver():
    model = _model(_ou_driver(0.3))
    paths = model.prior(20_000, _generator())
    wanted = _covariance(model, _TIMES)[0] + 0.2**2 * torch.eye(len(_TIMES))
    found = torch.cov(paths[..., 0].T)
    root = wanted.diagonal().sqrt()
    assert ((found - wanted) / (root * root[:, None])).abs().max() < 4.5 * math.sqrt(2 / 20_000)


def test_neural_sde_learns_with_state_dependent_noise_and_no_guide():
    torch.manual_seed(0)
    model = _model(
        _ou_driver(Hurst(value=0.5, learnable=True)),
        drift=partial(MeanRevertingDrift, hidden=8),
        diffusion=CoordinateDiffusion,
        encoder=RecurrentEncoder,
        control=MLPControl,
        guide=False,
        solver=DrivenHeun(),
    )
    values, mask = _data(16)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for k in range(60):
        loss = -model.elbo(values, mask, _generator(k)).total.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"at": (0.5, 0.2)}, "NeuralSDE.times: expected 2 ascending numbers >= 0"),
        ({"num_steps": 0}, "NeuralSDE.num_steps: expected a whole number > 0"),
        ({"latent": 3}, "IdentityDecoder.latent: expected 2"),
        (
            {"diffusion": CoordinateDiffusion},
            "NeuralSDE.guide: expected false, or a linear",
        ),
    ],
)
def test_neural_sde_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        _model(**options)
