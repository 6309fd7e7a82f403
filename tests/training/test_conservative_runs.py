"""Runs of conservative networks: on several processes, and continued."""

import pytest
import torch
from helpers.compose import TINY_POTENTIAL, leave_out_figures, run_folder, train_with
from helpers.same_run import assert_same_run

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST

_WORDS = [*TINY_POTENTIAL, "net=conservative", "data=moons", "metric=[]", "batch_size=24"]
_WORDS += ["objective=velocity", "interpolant=one_sided_linear", "precondition=true"]
_WORDS += ["scheduler=constant", "label_dropout=0.1", "steps_per_batch=3", "log_every=1"]
_WORDS += ["validate_every=6", "sample_every=6", "max_steps=12"]


@pytest.fixture
def train(tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    monkeypatch.chdir(tmp_path)

    def run(name, *words):
        return run_folder(train_with(tmp_path, *words, f"run_dir={name}", sizes=()))

    return run


@pytest.mark.skipif(torch.cuda.is_available(), reason="a process that uses CUDA cannot fork")
def test_two_processes_train_a_conservative_network_as_one(train):
    """Weights that the field does not depend on have a gradient, for which processes wait."""
    two = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
    one = read_checkpoint(train("one", *_WORDS) / LAST)["state_dict"]
    run = train("two", *_WORDS, *two, "trainer.strategy=ddp_fork", "accumulate=2")
    both = read_checkpoint(run / LAST)["state_dict"]
    assert one.keys() == both.keys()
    for name, weight in one.items():
        torch.testing.assert_close(both[name], weight, atol=1e-5, rtol=0, msg=name)


def test_conservative_network_continues_exactly(train):
    words = [*_WORDS, "+callbacks.a._target_=helpers.own_callbacks.Counter"]
    whole = train("whole", *words)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train("parts", *words, "+callbacks.a.interrupt_at=6", "checkpoint_every=100")
    parts = train("parts", *words, "resume=auto")
    assert_same_run(parts, whole)
