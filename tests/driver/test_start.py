"""Set-up of drivers: states from normals, and speeds by a rule from the data's spacing."""

import warnings

import pytest
import torch
from helpers.driven import REPRESENTATIONS, ou_driver
from helpers.problems import load, stems, times

from interpolants.driver.brownian import Brownian
from interpolants.driver.geometric_speeds import GeometricSpeeds
from interpolants.driver.hurst import Hurst
from interpolants.driver.markov_fractional_brownian import MarkovFractionalBrownian
from interpolants.driver.matched_speeds import MatchedSpeeds

_DRIVERS = {
    "K=0": Brownian(),
    "I": ou_driver(0.3),
    "II": ou_driver(0.8, "II"),
    "slope": ou_driver(0.8, random_slope=True),
    "many": MarkovFractionalBrownian(
        hurst=0.3, representation=REPRESENTATIONS["I"], gammas=GeometricSpeeds(count=12), step=0.1
    ),
}


@pytest.mark.parametrize("name", _DRIVERS)
def test_driver_starts_from_normals_with_the_distribution_of_its_past(name):
    """Unit normals have the images whose squares add up to the covariance."""
    driver = _DRIVERS[name]
    images = driver.start_from(torch.eye(driver.states, dtype=torch.float64))
    representation = torch.zeros(driver.states, driver.states, dtype=torch.float64)
    if driver.states:
        k = len(driver.gammas)
        representation = torch.eye(driver.states, dtype=torch.float64)
        representation[:k, :k] = driver.representation.start_covariance(times(*driver.gammas))
    torch.testing.assert_close(images.mT @ images, representation, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", _DRIVERS)
def test_driver_starts_linearly_and_differentiably(name):
    driver, generator = _DRIVERS[name], torch.Generator().manual_seed(0)
    z = torch.randn(2, 3, driver.states, generator=generator, dtype=torch.float64)
    images = driver.start_from(torch.eye(driver.states, dtype=torch.float64))
    torch.testing.assert_close(driver.start_from(z), z @ images, rtol=0, atol=1e-13)
    z.requires_grad_()
    (gradient,) = torch.autograd.grad(driver.start_from(z).sum(), z)
    torch.testing.assert_close(gradient, images.sum(dim=-1).expand_as(z), rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", _DRIVERS)
def test_driver_draws_its_start_from_normals(name):
    driver = _DRIVERS[name]
    drawn = driver.start((3, 2), torch.Generator().manual_seed(4))
    z = torch.randn(
        3, 2, driver.states, generator=torch.Generator().manual_seed(4), dtype=torch.float64
    )
    assert torch.equal(drawn, driver.start_from(z).float())
    assert driver.start_from(z.float()).dtype == torch.float32
    torch.testing.assert_close(driver.start_from(z.float()), drawn, rtol=1e-5, atol=1e-5)


@pytest.mark.gpu
def test_driver_starts_where_the_normals_are():
    z = torch.randn(3, 5, device="cuda")
    assert ou_driver(0.3).start_from(z).device == z.device


def test_ou_driver_takes_its_speeds_from_a_rule():
    parts = {"hurst": 0.3, "representation": REPRESENTATIONS["I"]}
    by_rule = MarkovFractionalBrownian(
        **parts, gammas=MatchedSpeeds(count=5), step=0.1, horizon=4.0
    )
    assert by_rule.gammas == MatchedSpeeds(count=5)(0.1, 4.0)
    explicit = MarkovFractionalBrownian(**parts, gammas=by_rule.gammas, horizon=4.0)
    assert torch.equal(explicit.omega(), by_rule.omega())
    match = r"MarkovFractionalBrownian.step: expected the spacing of the data, for MatchedSpeeds,"
    with pytest.raises(ValueError, match=match):
        MarkovFractionalBrownian(**parts, gammas=MatchedSpeeds(count=5))
    with pytest.raises(ValueError, match=r"step: expected .*, for GeometricSpeeds, got None$"):
        MarkovFractionalBrownian(**parts, gammas=GeometricSpeeds(count=5))
    with pytest.raises(ValueError, match=r"Brownian.step: expected a number > 0, got 0$"):
        MarkovFractionalBrownian(**parts, gammas=(1.0,), step=0)


def test_ou_driver_warns_of_speeds_where_an_index_is_learned():
    parts = {
        "representation": REPRESENTATIONS["I"],
        "gammas": GeometricSpeeds(count=5),
        "step": 0.01,
    }
    learned = Hurst(value=0.3, learnable=True)
    with pytest.warns(UserWarning) as caught:
        MarkovFractionalBrownian(**parts, hurst=learned)
    assert [w.filename == __file__ for w in caught] == [True, True]
    assert "fastest speed is 20, below 2 / step = 200" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MarkovFractionalBrownian(**parts, hurst=0.3)
        MarkovFractionalBrownian(**parts | {"gammas": MatchedSpeeds(count=7)}, hurst=learned)
        # Without a step there is nothing to compare with.
        MarkovFractionalBrownian(
            hurst=learned, representation=REPRESENTATIONS["I"], gammas=(1.0, 2.0)
        )


@pytest.mark.parametrize("stem", stems("neural_sde/driver"))
def test_configured_driver_is_built_for_the_data(stem):
    """Its parts are made once, the driver where the spacing and the length are known."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        driver = load("neural_sde/driver", stem)(step=0.1, horizon=4.0)
    assert driver.start((2, 3), torch.Generator()).shape == (2, 3, driver.states)
    assert (driver.states > 0) == ("fractional" in stem)
    if driver.states:
        assert driver.horizon == 4
        assert driver.gammas == MatchedSpeeds(count=10)(0.1, 4.0)
        assert len(list(driver.parameters())) == 1
