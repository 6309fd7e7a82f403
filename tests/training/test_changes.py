"""Runs that continue with another rate, schedule or batch size."""

import pytest
import torch
from helpers.compose import leave_out_figures, run_folder, train_with
from helpers.same_run import assert_same_run
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import StepLR

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST
from interpolants.training.changes import change_rates
from interpolants.training.scheduler.constant import constant
from interpolants.training.scheduler.cosine import cosine

_RUN = ["metric=[]", "scheduler=constant"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    return run_folder(train_with(tmp_path, *_RUN, f"run_dir={tmp_path / 'run'}"))


def _rates(path):
    content = read_checkpoint(path / LAST)
    (group,), config = (
        content["optimizer_states"][0]["param_groups"],
        content["hyper_parameters"]["config"],
    )
    return group["lr"], config["history"]


def test_run_continues_with_another_rate_and_says_so(run, tmp_path, capsys):
    go_on = [*_RUN, f"ckpt={run}", "max_steps=8"]
    with pytest.raises(
        ValueError,
        match=r"^optimizer\.lr: expected 0\.004 as in .*, or add change=\[optimizer\.lr\] to",
    ):
        train_with(tmp_path, *go_on, "optimizer.lr=0.001")
    assert _rates(run) == (0.004, [])
    changed = [*go_on, "optimizer.lr=0.001", "batch_size=16", "change=[optimizer.lr,batch_size]"]
    train_with(tmp_path, *changed)
    said = capsys.readouterr().err
    assert "at step 4, optimizer.lr 0.001 instead of 0.004, batch_size 16 instead of 32" in said
    entry = {"step": 4, "changed": {"optimizer.lr": [0.004, 0.001], "batch_size": [32, 16]}}
    assert _rates(run) == (0.001, [entry])
    assert "optimizer.lr:\n    - 0.004\n    - 0.001" in (run / "config.yaml").read_text()
    # The change is part of the run from here on, and is named once.
    train_with(tmp_path, *go_on[:-1], "max_steps=10", *changed[3:])
    assert _rates(run) == (0.001, [entry])


def test_changed_run_that_is_stopped_equals_one_that_is_not(run, tmp_path):
    last, words = run / LAST, [*_RUN, "optimizer.lr=0.001"]
    change = [f"ckpt={last}", "change=[optimizer.lr]"]
    for name, steps in (("whole", 8), ("half", 6)):
        train_with(tmp_path, *words, *change, f"run_dir={tmp_path / name}", f"max_steps={steps}")
    train_with(tmp_path, *words, f"run_dir={tmp_path / 'half'}", "resume=auto", "max_steps=8")
    assert_rest_is_same(tmp_path / "half", tmp_path / "whole")
    unchanged = [*_RUN, f"ckpt={last}", f"run_dir={tmp_path / 'same'}", "max_steps=8"]
    train_with(tmp_path, *unchanged)
    with pytest.raises(AssertionError):
        assert_same_run(tmp_path / "same", tmp_path / "whole")


def assert_rest_is_same(got, expected):
    one, other = (read_checkpoint(run / LAST) for run in (got, expected))
    for key, weight in one["state_dict"].items():
        assert torch.equal(weight, other["state_dict"][key])
    configs = [content["hyper_parameters"]["config"]["history"] for content in (one, other)]
    assert configs[0] == configs[1] and len(configs[0]) == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["change=[net]"], r"^change: expected settings that may change .*, got 'net'; start a"),
        (["change=[optimizer]", "optimizer=adamw"], r"^optimizer\._target_: expected 'torch"),
        (["change=[batch_size]", "seed=1"], r"^seed: expected 0 as in"),
    ],
)
def test_other_changes_are_refused(words, sentence, run, tmp_path):
    before = (run / LAST).stat().st_mtime_ns
    with pytest.raises(ValueError, match=sentence):
        train_with(tmp_path, *_RUN, f"ckpt={run}", "max_steps=8", *words)
    assert (run / LAST).stat().st_mtime_ns == before


@pytest.mark.parametrize("schedule", [constant, cosine])
def test_changed_rates_are_those_of_a_run_that_always_had_them(schedule):
    def trained(lr, steps):
        torch.manual_seed(0)
        weight = nn.Parameter(torch.ones(3))
        optimizer = Adam([weight], lr=lr)
        scheduler = schedule(optimizer, max_steps=10, warmup_steps=2)
        for _ in range(steps):
            weight.grad = weight.detach().clone()
            optimizer.step()
            scheduler.step()
        return optimizer, scheduler

    (optimizer, scheduler), (always, schedule_of_always) = trained(0.1, 5), trained(0.02, 5)
    content = {
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [scheduler.state_dict()],
    }
    change_rates(content, *trained(0.02, 0))
    fresh, fresh_schedule = trained(0.02, 0)
    fresh.load_state_dict(content["optimizer_states"][0])
    fresh_schedule.load_state_dict(content["lr_schedulers"][0])
    assert fresh.param_groups[0]["lr"] == pytest.approx(always.param_groups[0]["lr"])
    fresh_schedule.step()
    schedule_of_always.step()
    assert fresh_schedule.get_last_lr() == pytest.approx(schedule_of_always.get_last_lr())
    moments = [next(iter(each.state.values()))["exp_avg"] for each in (fresh, optimizer)]
    assert torch.equal(*moments)


def test_changed_rates_need_a_schedule_by_step():
    optimizer = SGD([nn.Parameter(torch.ones(1))], lr=1.0)
    with pytest.raises(ValueError, match=r"^change: expected a schedule that is a function of"):
        change_rates({}, optimizer, StepLR(optimizer, 1))
