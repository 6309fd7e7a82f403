"""A loss or weights that are not finite stop the run, and are not saved."""

import pytest
import torch
from helpers.tiny import Tiny, fit, raw_of

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.training.guard import NonFiniteLossError
from interpolants.utils.seeds import keyed_generator


def test_guard_names_step_times_and_last_good_checkpoint(tmp_path):
    module = Tiny(hook=lambda step: float("inf") if step == 33 else None)
    with pytest.raises(NonFiniteLossError) as caught:
        fit(tmp_path, 60, module)
    times = torch.rand(8, generator=_after_x(33))
    assert caught.value.step == 33
    message = str(caught.value)
    assert f"t in [{times.min().item():.4g}, {times.max().item():.4g}]" in message
    assert str(tmp_path / "last.ckpt") in message
    checkpoint = read_checkpoint(tmp_path / "last.ckpt")
    assert checkpoint["global_step"] == 20
    assert all(torch.isfinite(w).all() for w in raw_of(checkpoint))


def _after_x(step: int) -> torch.Generator:
    generator = keyed_generator(7, step)
    torch.randn(8, 2, generator=generator)
    return generator


def test_guard_refuses_to_save_weights_that_the_last_step_of_a_chunk_poisoned(tmp_path):
    trainer, module = fit(tmp_path, 20)
    kept = (tmp_path / "last.ckpt").read_bytes()
    with torch.no_grad():
        module.fields[0].weight[0, 0] = float("nan")
    with pytest.raises(NonFiniteLossError, match="weights are not finite after step 19"):
        trainer.save_checkpoint(tmp_path / "last.ckpt")
    assert (tmp_path / "last.ckpt").read_bytes() == kept


def test_guard_says_so_when_there_is_no_checkpoint_yet(tmp_path):
    module = Tiny(hook=lambda step: float("nan") if step == 0 else None)
    with pytest.raises(NonFiniteLossError, match="no checkpoint yet"):
        fit(tmp_path, 20, module)
    assert not list(tmp_path.glob("*.ckpt*"))
