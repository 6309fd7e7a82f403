"""The state of training in a checkpoint is compared with that of the run, before it continues."""

import copy

import pytest
import torch
from helpers.compose import leave_out_figures, run_folder, train_with

from interpolants.checkpoint.runs import LAST
from interpolants.training import record
from interpolants.training.checkpoints import BestCheckpoint
from interpolants.training.resumed import check_resumed

_OPTIONS = ["data=moons", "metric=[]", "max_steps=2"]
_GROUP = "optimizer_states/0/param_groups/0"
_MOMENTS = "optimizer_states/0/state/0"
_LOOP = "loops/fit_loop"
_ABSENT = object()
_TOTAL = f"{_LOOP}/epoch_loop.batch_progress/total"
_READY = "loops.fit_loop.epoch_loop.batch_progress.total.ready"

# Place and value of a change, and how the sentence starts.
_CASES = [
    ("optimizer_states", [], "optimizer_states: expected a list of 1, got a list"),
    ("optimizer_states/0/state", _ABSENT, r"optimizer_states\[0\]\.state: expected a value, got "),
    ("optimizer_states/0/state", [1], r"optimizer_states\[0\]\.state: expected a dict, got a li"),
    (_MOMENTS, 3, r"optimizer_states\[0\]\.state\.0: expected a dict, got 3"),
    (f"{_MOMENTS}/exp_avg", _ABSENT, r"optimizer_states\[0\]\.state\.1: expected entries \['exp"),
    (f"{_MOMENTS}/exp_avg", "x", r"optimizer_states\[0\]\.state\.0\.exp_avg: expected a Tensor, "),
    (f"{_MOMENTS}/exp_avg", torch.zeros(3), r".*\.exp_avg: expected shape \(16, 35\), got \(3,\)"),
    (f"{_MOMENTS}/exp_avg", torch.zeros(()), r".*exp_avg: expected shape \(16, 35\), got \(\)"),
    (f"{_MOMENTS}/step", torch.zeros(16, 35), r".*\.step: expected shape \(\), got \(16, 35\)"),
    (f"{_MOMENTS}/step", torch.tensor(torch.nan), r".*\.0\.step: expected finite numbers, got "),
    ("optimizer_states/0/state/99", {}, "a key of .*: expected the number of one of .*, got 99"),
    (f"{_GROUP}/params", _ABSENT, r".*param_groups\[0\]\.params: expected a value, got 'nothing'"),
    (f"{_GROUP}/params", [0], r".*\.params: expected a list of .*, got a list"),
    (f"{_GROUP}/lr", "x", r".*param_groups\[0\]\.lr: expected a number >= 0, got 'x'"),
    (f"{_GROUP}/betas", _ABSENT, r".*param_groups\[0\]\.betas: expected a value, got 'nothing'"),
    (f"{_GROUP}/maximize", 3, r".*\.maximize: expected true or false, got 3"),
    ("lr_schedulers", [], "lr_schedulers: expected a list of 1, got a list"),
    ("lr_schedulers/0", {}, r"lr_schedulers\[0\]\.base_lrs: expected a value, got 'nothing'"),
    ("lr_schedulers/0/last_epoch", -7, r"lr_schedulers\[0\]\.last_epoch: .* >= 0, got -7"),
    ("loops", {}, "loops.fit_loop: expected a value, got 'nothing'"),
    (_LOOP, {}, "loops.fit_loop.state_dict: expected a value"),
    (f"{_LOOP}/epoch_progress", "x", "loops.fit_loop.epoch_progress: expected a dict, got 'x'"),
    (f"{_TOTAL}/ready", -1, f"{_READY}: expected a number >= 0, got -1"),
    (f"{_TOTAL}/ready", "x", f"{_READY}: expected a number >= 0, got 'x'"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A checkpoint of two steps, its file, and the module and trainer that would continue it."""
    with pytest.MonkeyPatch.context() as patch:
        leave_out_figures(patch)
        report = train_with(tmp_path_factory.mktemp("run"), *_OPTIONS)
        path, seen = run_folder(report) / LAST, []
        patch.setattr(record, "check_resumed", lambda *found: seen.append(found))
        train_with(path.parent, *_OPTIONS, f"ckpt={path}")
    return seen[0]


def _changed(content, place, value):
    content = copy.deepcopy(content)
    *keys, last = (int(key) if key.isdigit() else key for key in place.split("/"))
    node = content
    for key in keys:
        node = node[key]
    if value is _ABSENT:
        del node[last]
    else:
        node[last] = value
    return content


@pytest.mark.parametrize(("place", "value", "says"), _CASES)
def test_resumed_state_that_does_not_fit_is_refused_by_its_place(place, value, says, run):
    content, path, *parts = run
    with pytest.raises(ValueError, match=rf"last\.ckpt: {says}") as caught:
        check_resumed(_changed(content, place, value), path, *parts)
    assert "\n" not in str(caught.value)


def test_resumed_state_of_a_run_fits_and_may_lack_flags_of_later_versions(run):
    content, path, *parts = run
    check_resumed(content, path, *parts)
    check_resumed(_changed(content, f"{_GROUP}/maximize", _ABSENT), path, *parts)
    # An optimiser that is not fused compares shapes itself, and may have others.
    other = _changed(content, f"{_GROUP}/fused", False)
    check_resumed(_changed(other, f"{_MOMENTS}/exp_avg", torch.zeros(3)), path, *parts)


def test_resumed_state_that_does_not_fit_changes_no_file(run, tmp_path, monkeypatch):
    """Adam's fused step would read beyond the end of the tensor."""
    leave_out_figures(monkeypatch)
    path = tmp_path / "bad.ckpt"
    torch.save(_changed(run[0], f"{_MOMENTS}/exp_avg", torch.zeros(3)), path)
    with pytest.raises(ValueError, match=r"bad\.ckpt: optimizer_states\[0\]\.state\.0\.exp_avg: "):
        train_with(tmp_path, *_OPTIONS[:2], "max_steps=4", f"ckpt={path}")
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["bad.ckpt"]


def test_resumed_best_checkpoint_takes_no_path_from_a_file(tmp_path):
    """Lightning's own would delete the second file, and let loggers upload the first."""
    best = BestCheckpoint(monitor="val/loss", dirpath=tmp_path)
    score, outside = torch.tensor(0.5), str(tmp_path / ".." / "other")
    state = best.state_dict() | {"best_model_score": score, "best_model_path": "/etc/passwd"}
    named = {"kth_best_model_path": outside, "best_k_models": {outside: score}}
    best.load_state_dict(state | named | {"last_model_path": "/etc/passwd"})
    path = str(tmp_path / "best.ckpt")
    assert best.best_k_models == {path: score} and best.last_model_path == ""
    assert best.best_model_path == best.kth_best_model_path == path
    assert best.best_model_score == best.kth_value == score
    elsewhere = BestCheckpoint(monitor="val/loss", dirpath=tmp_path / "copied")
    elsewhere.load_state_dict(state)
    assert elsewhere.best_model_path == "" and elsewhere.best_model_score is None
    with pytest.raises(ValueError, match=r"best_model_score: expected a tensor of one num"):
        best.load_state_dict(state | {"best_model_score": "x"})
