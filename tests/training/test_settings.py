"""Every argument of Lightning's trainer is honoured, or refused by name."""

import inspect
import warnings
from types import SimpleNamespace

import lightning.pytorch as pl
import pytest
import torch
from helpers.compose import config_of

from interpolants.training import run
from interpolants.training.settings import (
    _INSTEAD,
    _TRAINER,
    check_accelerator,
    check_settings,
    check_trainer,
)

_ARGUMENTS = sorted(set(inspect.signature(pl.Trainer).parameters))


@pytest.mark.parametrize("name", [*_ARGUMENTS, "of_a_new_version"])
def test_settings_of_the_trainer_are_honoured_or_refused_by_name(name):
    if name in _TRAINER:
        check_trainer({name: None})
        return
    with pytest.raises(ValueError, match=rf"^trainer\.{name}: expected .*, got 3; \w"):
        check_trainer({name: 3})


def test_settings_of_the_trainer_are_its_arguments():
    assert set(_INSTEAD) | _TRAINER <= set(_ARGUMENTS)
    assert not set(_INSTEAD) & _TRAINER


def test_settings_that_runs_give_the_trainer_are_none_that_users_may_give(monkeypatch):
    """Arguments that a run sets are refused, since they would replace the user's silently."""
    seen = {}

    def build(_):
        def make(**settings):
            seen.update(settings)
            return SimpleNamespace(world_size=1, strategy=None)

        return make

    cfg = config_of("run_dir=a")
    run._build_trainer(cfg, build, [], [], True)
    assert len(seen) > 5
    assert not set(seen) & _TRAINER


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "+trainer.max_time=3",
            r"^trainer.max_time: .*; use callbacks=timer, or a time limit outside",
        ),
        ("+trainer.accumulate_grad_batches=2", "^trainer.accumulate.*; use accumulate=$"),
        ("+trainer.gradient_clip_val=2", "^trainer.gradient_clip_val.*; use clip_norm=$"),
        ("+trainer.enable_model_summary=true", "^trainer.enable_model_summary.*; leave it out$"),
        ("max_steps=-5", "^max_steps: expected a whole number > 0, got -5"),
        ("accumulate=0", "^accumulate: expected a whole number > 0, got 0"),
        ("workers=-1", "^workers: expected a whole number >= 0, got -1"),
    ],
)
def test_settings_are_refused_by_name(override, message):
    with pytest.raises(ValueError, match=message):
        check_settings(config_of(override))


@pytest.mark.parametrize(("cuda", "mps"), [(False, False), (True, False), (False, True)])
def test_settings_name_a_device_that_is_there(cuda, mps, monkeypatch):
    accelerators = pl.accelerators
    monkeypatch.setattr(accelerators.CUDAAccelerator, "is_available", lambda: cuda)
    monkeypatch.setattr(accelerators.MPSAccelerator, "is_available", lambda: mps)
    for name, there in {"cpu": True, "auto": True, "cuda": cuda, "mps": mps}.items():
        _check_accelerator(name, there)
    _check_accelerator("gpu", cuda or mps)


def _check_accelerator(name, there):
    if there:
        check_accelerator(name)
        return
    with pytest.raises(ValueError, match=r"^trainer\.accelerator: .*; use trainer=cpu$"):
        check_accelerator(name)


@pytest.mark.parametrize(
    ("capabilities", "warns"),
    [
        ({"architecture": "x86_64", "avx2": True}, True),
        ({"architecture": "x86_64", "avx512_bf16": True}, False),
        ({"architecture": "x86_64", "amx_bf16": True}, False),
        ({"architecture": "aarch64"}, False),
    ],
)
def test_bfloat16_that_a_cpu_emulates_is_warned_of(capabilities, warns, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    config = config_of("trainer.precision=bf16-mixed")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        check_settings(config)
    said = [str(each.message).split(";")[0] for each in found]
    known = "trainer.precision: this CPU emulates bf16-mixed, which can take ten times as long as "
    assert said == [f"{known}single precision"] * warns
