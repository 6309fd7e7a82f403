"""Distributions of x0, in the units of the networks."""

import pytest
import torch
from helpers.problems import TARGET

from interpolants.base.callable import CallableBase
from interpolants.base.dataset import DatasetBase
from interpolants.base.gaussian import GaussianBase
from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.testing import check_base


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_gaussian_base_is_standard_normal():
    x = GaussianBase().sample(20_000, (2, 2), _generator())
    assert x.dtype == torch.float32
    assert x.mean(0).abs().max() < 5 / 20_000**0.5
    covariance = torch.cov(x.flatten(1).T)
    assert (covariance - torch.eye(4)).abs().max() < 5 * (2 / 20_000) ** 0.5
    assert GaussianBase().standard_normal


def test_dataset_base_has_the_standardised_moments_of_its_data():
    data = GaussianMixture(means=[[3.0, -1.0], [5.0, 1.0]], std=0.7)
    base = DatasetBase(data=data)
    x = base.sample(20_000, (2,), _generator())
    assert x.mean(0).abs().max() < 0.04
    assert (x.std(0) - 1).abs().max() < 0.04
    raw = base.scaling.to_data(x)
    torch.testing.assert_close(raw.mean(0), torch.tensor([4.0, 0.0]), rtol=0, atol=0.05)
    assert not base.standard_normal


def test_dataset_base_draws_afresh_from_each_generator():
    base = DatasetBase(data=GaussianMixture(means=[[3.0, -1.0]], std=0.7))
    generator = _generator()
    drawn = [base.sample(50, (2,), generator) for _ in range(2)]
    drawn += [base.sample(50, (2,), _generator(seed)) for seed in (0, 1)]
    assert torch.equal(drawn[0], drawn[2])
    assert not torch.isin(drawn[1], drawn[0]).any() and not torch.isin(drawn[3], drawn[0]).any()


def test_callable_base_draws_from_its_function():
    base = CallableBase(draw=lambda n, g: 2 + torch.rand(n, 3, generator=g))
    x = base.sample(50, (3,), _generator(4))
    assert torch.equal(x, 2 + torch.rand(50, 3, generator=_generator(4)))
    assert not base.standard_normal
    check_base(base, (3,))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CallableBase(draw=3), "CallableBase.draw: expected a function"),
        (
            lambda: CallableBase(draw=lambda n, g: torch.zeros(n)).sample(4, (2,), _generator()),
            r"CallableBase.draw: expected a result of shape \(4, 2\), got \(4,\)",
        ),
        (
            lambda: DatasetBase(data=TARGET).sample(4, (3,), _generator()),
            r"DatasetBase.data: expected samples of the target's shape \(3,\), got \(2,\)",
        ),
    ],
)
def test_base_refuses(build, message):
    with pytest.raises(ValueError, match=message):
        build()
