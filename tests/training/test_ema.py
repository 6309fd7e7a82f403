"""Averaged weights: the formula, and which weights are used when."""

import pytest
import torch
from helpers.tiny import (
    CHUNK,
    Tiny,
    averages_in_place,
    averages_of,
    equal,
    fit,
    raw_of,
    weights_of,
)

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.training.ema import EMA


@pytest.mark.parametrize("warmup", [True, False])
def test_ema_equals_the_per_step_average_on_each_chunks_last_weights(tmp_path, warmup):
    module = Tiny()
    by_hand = weights_of(module)
    trainer, _ = fit(tmp_path, 30, module, [EMA(decay=0.7, warmup=warmup)])
    for step in range(30):
        decay = min(0.7, (1 + step) / (10 + step)) if warmup else 0.7
        last = module.seen[step // CHUNK]
        by_hand = [decay * a + (1 - decay) * w for a, w in zip(by_hand, last, strict=True)]
    with averages_in_place(trainer, module):
        for average, expected in zip(weights_of(module), by_hand, strict=True):
            torch.testing.assert_close(average, expected, rtol=1e-5, atol=1e-6)
    assert equal(weights_of(module), module.seen[-1])


def test_ema_with_decay_zero_is_the_last_weights(tmp_path):
    trainer, module = fit(tmp_path, 10, callbacks=[EMA(decay=0.0)])
    with averages_in_place(trainer, module):
        for average, last in zip(weights_of(module), module.seen[-1], strict=True):
            torch.testing.assert_close(average, last)


def test_ema_weights_serve_validation_and_raw_weights_serve_training(tmp_path):
    _, module = fit(tmp_path, 20)
    assert not equal(module.validated[-1], module.seen[-1])
    checkpoint = read_checkpoint(tmp_path / "last.ckpt")
    assert equal(module.validated[-1], averages_of(checkpoint))
    assert equal(module.seen[-1], raw_of(checkpoint))


def test_ema_saving_while_swapped_keeps_raw_and_averages_apart(tmp_path):
    trainer, module = fit(tmp_path, 20)
    with averages_in_place(trainer, module):
        averages = weights_of(module)
        trainer.save_checkpoint(tmp_path / "swapped.ckpt")
        assert equal(weights_of(module), averages)
    checkpoint = read_checkpoint(tmp_path / "swapped.ckpt")
    assert equal(raw_of(checkpoint), module.seen[-1])
    assert equal(averages_of(checkpoint), averages)
    assert not equal(averages, module.seen[-1])


def test_ema_puts_raw_weights_back_after_an_error_in_validation(tmp_path):
    def fail(step, batch):
        raise KeyError("validation")

    module = Tiny(validation_hook=fail)
    with pytest.raises(KeyError, match="validation"):
        fit(tmp_path, 40, module)
    assert not equal(module.validated[-1], module.seen[-1])
    assert equal(weights_of(module), module.seen[-1])
    checkpoint = read_checkpoint(tmp_path / "last.ckpt")
    assert checkpoint["global_step"] == 20
    assert equal(raw_of(checkpoint), module.seen[-1])


@pytest.mark.parametrize("decay", [1.0, -0.1])
def test_ema_refuses_a_decay_outside_the_half_open_interval(decay):
    with pytest.raises(ValueError, match=r"EMA\.decay: expected a number in \[0, 1\)"):
        EMA(decay=decay)
