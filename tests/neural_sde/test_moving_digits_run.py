"""The experiments on moving digits: their sizes, and a step of the full one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers.compose import config_of
from hydra.utils import instantiate
from torch import nn

from interpolants.neural_sde.neural_sde import NeuralSDE


def _built(name: str) -> tuple[Any, NeuralSDE]:
    cfg = config_of(f"experiment={name}")
    data = instantiate(cfg.data, _convert_="all")
    make = instantiate(cfg.neural_sde, _convert_="all")
    return cfg, make(event_shape=data.event_shape, times=data.times)


def _widths(net: nn.Module, kind: type[nn.Module]) -> list[int]:
    """Output sizes of the layers of one kind, in order."""
    return [len(layer.weight) for layer in net.modules() if isinstance(layer, kind)]  # type: ignore[arg-type]


def test_moving_digits_full_has_the_sizes_of_the_paper() -> None:
    cfg, model = _built("moving_digits_full")
    assert (cfg.batch_size, cfg.optimizer.lr) == (32, 3e-4)
    assert (model.latent, model.frame_shape, len(model.times)) == (6, (1, 64, 64), 25)
    assert len(model.nodes) == 3 * 24 + 1
    torch.testing.assert_close(
        model.driver.rates().float(), 10 ** torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0])
    )
    assert model.driver.states == 5
    assert model.control is not None and model.encoder is not None
    for net in (model.drift, model.control.control):
        assert _widths(net, nn.Linear) == [200, 200, 6]
    assert _widths(model.encoder, nn.Conv2d) == [64, 128, 256, 256]
    assert _widths(model.decoder, nn.Conv2d) == [256, 256, 128, 64, 1]
    assert model.encoder.content_size == 64
    assert model.decoder.std() ** 2 == pytest.approx(0.5)


def test_moving_digits_experiments_learn_the_index_and_have_no_guide() -> None:
    for name in ("moving_digits", "moving_digits_full"):
        cfg, model = _built(name)
        trained = {name for name, p in model.named_parameters() if p.requires_grad}
        assert any("hurst" in name for name in trained)
        assert not model.guide
        assert cfg.metric == {}


@pytest.mark.slow
def test_moving_digits_full_takes_a_step() -> None:
    cfg, model = _built("moving_digits_full")
    generator = torch.Generator().manual_seed(0)
    values = instantiate(cfg.data).sample(1, generator).x1
    before = [p.detach().clone() for p in model.parameters()]
    optimizer = instantiate(cfg.optimizer, _convert_="all")(model.parameters())
    found = model.elbo(values, torch.ones(values.shape[:2], dtype=torch.bool), generator)
    (-found.total.mean()).backward()
    optimizer.step()
    assert all(torch.isfinite(part).all() for part in found)
    moved = [not torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True)]
    # At the first step the layers before those that begin at zero get no gradient.
    assert sum(moved) > len(moved) / 2
