"""Gaussian mixtures, against scipy, autodiff and their own moments."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from helpers.distributions import (
    SIGMAS,
    SIGNIFICANCE,
    assert_has_moments,
    draw,
    labels_of,
)
from scipy.stats import chi2, multivariate_normal

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.utils.seeds import keyed_generator


def random_mixture(dim: int, modes: int, scale: float = 1.0) -> GaussianMixture:
    generator = keyed_generator(dim, modes)
    roots = torch.randn(modes, dim, dim, generator=generator, dtype=torch.float64) / dim**0.5
    eye = torch.eye(dim, dtype=torch.float64)
    return GaussianMixture(
        means=(scale * torch.randn(modes, dim, generator=generator)).tolist(),
        weights=(torch.rand(modes, generator=generator) + 0.1).tolist(),
        covariances=(roots @ roots.mT + 0.3 * eye).tolist(),
    )


def test_gaussian_mixture_log_density_equals_scipy() -> None:
    mixture = random_mixture(dim=3, modes=4)
    x = 3 * torch.randn(50, 3, generator=keyed_generator(1), dtype=torch.float64)
    density = sum(
        float(w) * multivariate_normal(m.numpy(), c.numpy()).pdf(x.numpy())
        for w, m, c in zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    )
    expected = torch.as_tensor(np.log(density))
    torch.testing.assert_close(mixture.log_density(x), expected, rtol=1e-10, atol=1e-10)


def test_gaussian_mixture_score_is_the_gradient_of_the_log_density() -> None:
    mixture = random_mixture(dim=3, modes=4)
    x = 3 * torch.randn(50, 3, generator=keyed_generator(1), dtype=torch.float64)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(mixture.log_density(x).sum(), x)
    torch.testing.assert_close(mixture.score(x), gradient, rtol=1e-10, atol=1e-10)


def test_gaussian_mixture_in_single_precision_is_stable_in_many_dimensions() -> None:
    mixture = random_mixture(dim=512, modes=3, scale=0.02)
    x = draw(mixture, 64).x1
    for function in (mixture.log_density, mixture.score):
        single, double = function(x).double(), function(x.double())
        assert ((single - double).norm() / double.norm()) < 1e-4
    far = mixture.log_density(x + 1e3)
    assert torch.isfinite(far).all()


def test_gaussian_mixture_draws_follow_its_components() -> None:
    mixture = random_mixture(dim=2, modes=3)
    batch = draw(mixture, 100_000)
    label = labels_of(batch)
    expected = mixture.weights * len(label)
    statistic = ((label.bincount(minlength=3) - expected) ** 2 / expected).sum().item()
    assert chi2.sf(statistic, 2) > SIGNIFICANCE
    for k in range(3):
        # Whitened by the stated mean and covariance, each component is a standard normal.
        factor = torch.linalg.cholesky(mixture.covariances[k])
        centred = (batch.x1[label == k].double() - mixture.means[k]).T
        white = torch.linalg.solve_triangular(factor, centred, upper=False).T
        assert_has_moments(white, torch.zeros(2), torch.ones(2))
        correlation = (white[:, 0] * white[:, 1]).mean() * math.sqrt(len(white))
        assert correlation.abs() < SIGMAS


def test_gaussian_mixture_standardises_by_its_exact_moments() -> None:
    mixture = GaussianMixture(
        means=[[0.0, 1e4], [2.0, 1e4 + 6]], weights=[3.0, 1.0], std=[1.0, 2.0]
    )
    # Means 0.5 and 1e4 + 1.5; variances 0.75 * 1 + 0.25 * 4, plus 0.1875 times the square gap.
    torch.testing.assert_close(mixture.shift, torch.tensor([0.5, 1e4 + 1.5]))
    variance = torch.tensor([1.75 + 0.1875 * 4, 1.75 + 0.1875 * 36])
    torch.testing.assert_close(mixture.scale, variance.sqrt())


def test_gaussian_mixture_stds_are_per_component_and_coordinate() -> None:
    means = [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    eye = torch.eye(3, dtype=torch.float64)
    shared = GaussianMixture(means=means, std=2.0).covariances
    torch.testing.assert_close(shared, torch.stack((4 * eye, 4 * eye)))
    isotropic = GaussianMixture(means=means, std=[1.0, 3.0]).covariances
    torch.testing.assert_close(isotropic, torch.stack((eye, 9 * eye)))
    diagonal = GaussianMixture(means=means, std=[[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]]).covariances
    expected = torch.stack((torch.tensor([1.0, 4.0, 9.0]).double().diag(), eye))
    torch.testing.assert_close(diagonal, expected)


def test_gaussian_mixture_random_means_lie_on_the_sphere_and_follow_the_seed() -> None:
    first = GaussianMixture(modes=6, dim=30, radius=2.5, seed=3)
    torch.testing.assert_close(first.means.norm(dim=1), torch.full((6,), 2.5).double())
    assert torch.equal(first.means, GaussianMixture(modes=6, dim=30, radius=2.5, seed=3).means)
    assert not torch.equal(first.means, GaussianMixture(modes=6, dim=30, radius=2.5, seed=4).means)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: GaussianMixture(modes=0), "GaussianMixture.modes: expected a whole number > 0"),
        (lambda: GaussianMixture(dim=0), "GaussianMixture.dim: expected a whole number > 0"),
        (lambda: GaussianMixture(radius=0), "GaussianMixture.radius: expected a number > 0"),
        (
            lambda: GaussianMixture(means=[[0.0, 1.0], [2.0]]),
            "GaussianMixture.means: expected K points of D coordinates each, got [[0.0, 1.0], [2",
        ),
        (lambda: GaussianMixture(means=[]), "GaussianMixture.means: expected K points"),
        (
            lambda: GaussianMixture(means=[[0.0], [1.0]], weights=[1.0, 0.0]),
            "GaussianMixture.weights: expected 2 numbers > 0, one for each component, got [1.0",
        ),
        (
            lambda: GaussianMixture(means=[[0.0], [1.0]], std=[1.0, 1.0, 1.0]),
            "GaussianMixture.std: expected numbers > 0: one, 2, or 2 x 1 of them, got [1.0",
        ),
        (
            lambda: GaussianMixture(means=[[0.0, 0.0]], covariances=[[[1.0]]]),
            "GaussianMixture.covariances: expected shape (1, 2, 2), got (1, 1, 1)",
        ),
        (
            lambda: GaussianMixture(means=[[0.0, 0.0]], covariances=[[[1.0, 2.0], [2.0, 1.0]]]),
            "GaussianMixture.covariances: expected symmetric positive definite matrices, got",
        ),
        (
            lambda: GaussianMixture(means=[[0.0, 0.0]], covariances=[[[1.0, 0.5], [0.0, 1.0]]]),
            "GaussianMixture.covariances: expected symmetric positive definite matrices, got",
        ),
    ],
)
def test_gaussian_mixture_refuses_bad_arguments_by_name(
    build: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError) as error:
        build()
    assert str(error.value).startswith(message)
