"""Callbacks of the group and of the user: honoured, exact over restarts, or refused by name."""

import csv
import re

import pytest
import yaml
from helpers.compose import leave_out_figures, run_folder, train_with
from helpers.same_run import assert_same_run
from helpers.scripts import files_in

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST

_OWN = "+callbacks.{0}._target_=helpers.own_callbacks.{1}"
_COUNTER = _OWN.format("counter", "Counter")
_SMALL = ("metric=[]", "scheduler=constant", "sample_every=100")


@pytest.fixture
def train(tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)

    def run(*overrides, name="run"):
        folder = tmp_path / name
        report = train_with(tmp_path, *_SMALL, f"run_dir={folder}", *overrides)
        return None if report is None else run_folder(report)

    return run


def _counts(run):
    (state,) = (s for k, s in _states(run).items() if k in ("Counter", "Sparse", "Validating"))
    return state


def _states(run):
    return read_checkpoint(run / LAST)["callbacks"]


def _step(run):
    return read_checkpoint(run / LAST)["global_step"]


def test_callback_of_the_user_is_called_and_its_values_are_logged_by_step(train):
    run = train(_COUNTER, "max_steps=8")
    assert _counts(run) == {"train": 2 + 4 + 6 + 8, "val": 2 + 4 + 6 + 8}
    with open(run / "metrics.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["own/sum"]]
    logged = {int(row["step"]): float(row["own/sum"]) for row in rows}
    assert logged == {2: 2, 4: 6, 6: 12, 8: 20}


@pytest.mark.parametrize(
    ("kind", "validate_every"),
    [("Counter", 4), ("Counter", 8), ("Sparse", 8), ("Validating", 4)],
)
def test_callback_of_the_user_goes_on_exactly_where_a_signal_stopped_it(
    kind, validate_every, train
):
    own = (_OWN.format("counter", kind), f"validate_every={validate_every}", "sample_every=800")
    whole = train(*own, "max_steps=8", name="whole")
    stopping = (*own, "+callbacks.counter.interrupt_at=4", "checkpoint_every=100")
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(*stopping, "max_steps=8", name="parts")
    parts = train(*own, "max_steps=8", "resume=auto", name="parts")
    assert _counts(parts) == _counts(whole)
    assert_same_run(parts, whole)
    if kind == "Sparse":
        assert (whole / "metrics.csv").read_text().count("1.0") == 1


def test_callback_after_one_that_raises_misses_no_batch(train):
    own = (_COUNTER, "max_steps=8", "validate_every=8", "sample_every=8", "checkpoint_every=2")
    whole = train(*own, name="whole")
    with pytest.raises(OSError, match="planted"):
        train(_OWN.format("a", "Raising"), *own, name="parts")
    parts = train(*own, "resume=auto", name="parts")
    assert _counts(parts) == _counts(whole)
    assert_same_run(parts, whole)


_LATE = {
    "on_train_batch_end": "on_epoch=true",
    "on_train_start": "on_epoch=true",
    "on_validation_batch_end": "on_step=true",
}


@pytest.mark.parametrize("hook", _LATE)
def test_values_that_a_restart_would_lose_are_refused_when_they_are_logged(hook, train):
    own = (_OWN.format("a", "Late"), f"+callbacks.a.hook={hook}", f"+callbacks.a.{_LATE[hook]}")
    level = _LATE[hook].removesuffix("=true")
    rule = (
        r"log\('own/late'\): expected on_step alone in on_train_batch_start and on_train_batch_end"
    )
    with pytest.raises(ValueError, match=f"^{rule}, .*, got '{level} in {hook}'; keep sums"):
        train(*own)


_STOPS = ("callbacks=[early_stopping]", "optimizer.lr=0", "max_steps=40")


def test_early_stopping_ends_a_run_as_finished_and_says_why(train, capsys):
    """With a rate of zero no validation after the first improves."""
    run = train(*_STOPS, "callbacks.early_stopping.patience=2")
    said = capsys.readouterr().err
    reason = "val/loss has not improved in 2 validations; its best is "
    assert f"\nstopped at step 6: {reason}" in said
    assert _step(run) == 6 and (run / "samples" / "samples.npz").is_file()
    end = yaml.safe_load((run / "finished").read_text())
    assert end["step"] == 6 and end["stopped"].startswith(reason)
    before = files_in(run)
    same = (*_STOPS, "resume=auto")
    assert train(*same, "callbacks.early_stopping.patience=2") is None
    assert f"{run} stopped at step 6: nothing to do; {reason}" in capsys.readouterr().err
    assert files_in(run) == before
    # Its count goes on with another patience, and without it all steps are trained.
    assert _step(train(*same, "callbacks.early_stopping.patience=4")) == 10
    assert _step(train(*same[1:], "callbacks=[]", "max_steps=14")) == 14
    assert "stopped" not in yaml.safe_load((run / "finished").read_text())


def test_early_stopping_lets_a_run_that_improves_finish(train):
    words = ("callbacks.early_stopping.patience=1", "validate_every=20", "optimizer.lr=0.01")
    run = train("callbacks=[early_stopping]", *words, "max_steps=40", "batch_size=256")
    assert _step(run) == 40 and "stopped" not in (run / "finished").read_text()


def test_early_stopping_counts_on_over_a_restart(train):
    words = (*_STOPS, "callbacks.early_stopping.patience=3")
    train(*words, "max_steps=6")
    assert _step(train(*words, "resume=auto")) == 8


def test_timer_ends_a_run_and_a_metric_may_be_watched(train, capsys):
    watch = ("metric=[energy_distance]", "sample_every=2")
    watch += ("callbacks.early_stopping.monitor=val/energy_distance",)
    words = ("callbacks=[early_stopping,timer]", "callbacks.timer.duration={microseconds: 1}")
    run = train(*words, *watch, "max_steps=40")
    assert _step(run) == 2
    reason = "stopped at step 2: as asked for by callbacks=[early_stopping,timer]"
    assert reason in capsys.readouterr().err


_REFUSED = {
    _OWN.format("a", "Unplain"): "callbacks.a: expected a state_dict of numbers, strings, tensors "
    "and containers of these, got one of a set",
    _OWN.format("a", "Default"): "callbacks.a: expected a state_dict of numbers, strings, tensors "
    "and containers of these, got one of a defaultdict",
    _OWN.format("a", "Skipped"): "callbacks.a: expected hooks that are called, got "
    "'on_after_backward'; use on_train_batch_end, which is called after each steps_per_batch",
    _OWN.format("a", "Keeping"): "callbacks.a: expected no ModelCheckpoint, which deletes files",
    f"{_COUNTER} {_OWN.format('twin', 'Twin')}": "callbacks.twin: expected another state_key than "
    "callbacks.counter, got 'twin'; let its state_key say what differs",
    "+callbacks.a._target_=builtins.dict": "callbacks.a: expected a callback of Lightning, got 'd",
    "callbacks=[early_stopping] callbacks.early_stopping.monitor=val/los": "callbacks."
    "early_stopping.monitor: expected one of val/loss, got 'val/los'",
    "metric=[mmd] callbacks=[early_stopping] callbacks.early_stopping.monitor=val/mmd": "callbacks"
    ".early_stopping.monitor: expected val/loss, if samples are drawn in fewer validations, got "
    "'val/mmd'; set sample_every=2",
    "callbacks=[early_stopping] callbacks.early_stopping.patience=0": "callbacks.early_stopping: "
    "EarlyStopping.patience: expected a whole number > 0, got 0",
    "sweep_value=val/los": "sweep_value: expected one of val/loss, got 'val/los'",
}


@pytest.mark.parametrize("case", _REFUSED)
def test_callbacks_that_would_be_ignored_are_refused_before_anything_is_written(
    case, train, tmp_path
):
    from interpolants.cli.errors import sentence

    with pytest.raises(Exception) as caught:
        train(*case.split())
    assert re.match(re.escape(_REFUSED[case]), sentence(caught.value)), sentence(caught.value)
    assert files_in(tmp_path) == []


def test_callback_whose_state_is_no_longer_plain_stops_the_run_with_a_sentence(train):
    rule = "expected a state_dict of numbers, strings, tensors and containers of these"
    with pytest.raises(ValueError, match=rf"^callbacks\.LateUnplain: {rule}, got one of a set"):
        train(_OWN.format("a", "LateUnplain"))
