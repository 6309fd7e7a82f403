"""A run that was stopped and resumed ends bit for bit as the undisturbed run."""

import shutil

import lightning.pytorch as pl
import pytest
from helpers.compose import TINY, leave_out_figures, run_folder, train_with
from helpers.same_run import assert_same_run
from helpers.scripts import files_in, run_many, runs_in

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.training import run

_SIZES = [
    "max_steps=60",
    "steps_per_batch=5",
    "log_every=3",
    "validate_every=20",
    "sample_every=40",
    "checkpoint_every=10",
]
# Digits have 40 batches of 32 in an epoch, iris 3: most stops are in the middle of one.
_DATA = {
    "checkerboard": [],
    "digits": ["data=digits"],
    "iris": ["data=table", "data.name=iris", "coupling=minibatch_ot", "interpolant=trigonometric"],
}


class Stopper(pl.Callback):
    """Raises an error at a step: at the end of its chunk, within its chunk, or in validation."""

    def __init__(self, step, where, error):
        self.step, self.where, self.error = step, where, error

    def _stop(self, trainer, where):
        if where == self.where and trainer.global_step == self.step:
            raise self.error

    def on_train_batch_end(self, trainer, *_):
        self._stop(trainer, "after")

    def on_validation_batch_start(self, trainer, *_):
        self._stop(trainer, "validation")

    def on_validation_epoch_end(self, trainer, *_):
        self._stop(trainer, "sampling")

    def on_train_start(self, trainer, pl_module):
        step = pl_module._learn

        def learn(*args):
            self._stop(trainer, "within")
            return step(*args)

        pl_module._learn = learn


def _stop_at(monkeypatch, step, where, error):
    callbacks = run._callbacks
    monkeypatch.setattr(
        run, "_callbacks", lambda *args: [*callbacks(*args), Stopper(step, where, error)]
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Undisturbed runs by name of their data, each made when it is first asked for."""
    runs = {}

    def get(data):
        if data not in runs:
            folder = tmp_path_factory.mktemp(data)
            with pytest.MonkeyPatch.context() as patch:
                leave_out_figures(patch)
                runs[data] = run_folder(train_with(folder, *_SIZES, *_DATA[data]))
        return runs[data]

    return get


_STOPS = [
    (15, "after", KeyboardInterrupt()),
    (40, "sampling", KeyboardInterrupt()),
    (33, "within", RuntimeError("planted")),
    (40, "validation", KeyboardInterrupt()),
    (45, "after", RuntimeError("planted")),
]


@pytest.mark.parametrize(
    ("data", "step", "where", "error"),
    [("checkerboard", *stop) for stop in _STOPS]
    + [(data, *stop) for data in ("digits", "iris") for stop in _STOPS[:3]],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_resume_after_a_stop_equals_the_undisturbed_run(
    data, step, where, error, whole, tmp_path, monkeypatch
):
    leave_out_figures(monkeypatch)
    expected = whole(data)
    with monkeypatch.context() as stopping:
        _stop_at(stopping, step, where, error)
        with pytest.raises((KeyboardInterrupt, SystemExit, RuntimeError)):
            train_with(tmp_path, *_SIZES, *_DATA[data])
    (stopped,) = runs_in(tmp_path)
    last = stopped / "checkpoints" / "last.ckpt"
    assert read_checkpoint(last)["global_step"] == step - step % 10 * (where == "within")
    # Both ways to resume, in turn.
    how = f"ckpt={last}" if data == "digits" else "resume=auto"
    report = train_with(tmp_path, *_SIZES, *_DATA[data], how)
    assert run_folder(report) == stopped
    assert runs_in(tmp_path) == [stopped]
    assert_same_run(stopped, expected)


def test_resume_stopped_twice_equals_the_undisturbed_run(whole, tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    for step in (15, 35):
        with monkeypatch.context() as stopping:
            _stop_at(stopping, step, "after", KeyboardInterrupt())
            with pytest.raises((KeyboardInterrupt, SystemExit)):
                train_with(tmp_path, *_SIZES, "resume=auto")
    (stopped,) = runs_in(tmp_path)
    train_with(tmp_path, *_SIZES, "resume=auto")
    assert_same_run(stopped, whole("checkerboard"))


def test_resume_of_a_finished_run_changes_nothing(whole, tmp_path, monkeypatch, capsys):
    leave_out_figures(monkeypatch)
    expected = whole("checkerboard")
    finished = tmp_path / "outputs" / "checkerboard" / "finished"
    shutil.copytree(expected, finished)
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in files_in(tmp_path)}
    assert train_with(tmp_path, *_SIZES, "resume=auto") is None
    assert f"{finished} has finished its 60 steps: nothing to do" in capsys.readouterr().err
    with pytest.raises(
        ValueError, match=r"^max_steps: expected at least 60, .*, got 20; a run can"
    ):
        train_with(tmp_path, *_SIZES, "max_steps=20", "resume=auto")
    after = {name: (tmp_path / name).stat().st_mtime_ns for name in files_in(tmp_path)}
    del before["outputs/checkerboard/finished"], after["outputs/checkerboard/finished"]
    assert after == before


def test_resume_in_a_new_folder_from_a_finished_run_reports_it(whole, tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    last = whole("checkerboard") / "checkpoints" / "last.ckpt"
    elsewhere = tmp_path / "elsewhere"
    report = train_with(tmp_path, *_SIZES, f"ckpt={last}", f"run_dir={elsewhere}")
    assert run_folder(report) == elsewhere
    assert runs_in(tmp_path) == [elsewhere]


def test_resume_from_a_loose_checkpoint_takes_a_folder_of_its_own(whole, tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    shutil.copy(whole("checkerboard") / "checkpoints" / "last.ckpt", tmp_path / "loose.ckpt")
    sizes = [*_SIZES, "max_steps=80", "scheduler=cosine"]
    report = train_with(tmp_path / "work", *sizes, f"ckpt={tmp_path / 'loose.ckpt'}")
    assert run_folder(report).parent == tmp_path / "work" / "outputs" / "checkerboard"
    last = run_folder(report) / "checkpoints" / "last.ckpt"
    assert read_checkpoint(last)["global_step"] == 80


def test_resume_starts_a_new_run_where_none_fits(whole, tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    other = tmp_path / "outputs" / "checkerboard" / "other"
    shutil.copytree(whole("checkerboard"), other)
    before = (other / "checkpoints" / "last.ckpt").read_bytes()
    report = train_with(tmp_path, "seed=1", "resume=auto")
    assert run_folder(report) != other
    assert (other / "checkpoints" / "last.ckpt").read_bytes() == before


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("net.hidden=17", r"^net\.hidden: expected 16 as in .*last\.ckpt, got 17; continue with"),
        ("data.cell_width=3.0", r"^data\.cell_width: expected 2\.0 as in .*, got 3\.0; "),
        ("interpolant=trigonometric", r"^interpolant\._target_: expected 'interpolants\.interp"),
        ("seed=3", r"^seed: expected 0 as in .*, got 3; "),
    ],
)
def test_resume_with_other_settings_is_refused_by_name(override, sentence, whole, tmp_path):
    last = whole("checkerboard") / "checkpoints" / "last.ckpt"
    with pytest.raises(ValueError, match=sentence):
        train_with(tmp_path, *_SIZES, f"ckpt={last}", override)
    assert files_in(tmp_path) == []


def test_resume_never_overwrites_a_run(whole, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    shutil.copytree(whole("checkerboard"), first)
    shutil.copytree(whole("checkerboard"), second)
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in files_in(tmp_path)}
    with pytest.raises(ValueError, match=r"^run_dir: expected a folder without a run in it, got"):
        train_with(tmp_path, *_SIZES, f"run_dir={first}")
    with pytest.raises(ValueError, match=r"^net\.hidden: expected 16 as in"):
        train_with(tmp_path, *_SIZES, f"run_dir={first}", "resume=auto", "net.hidden=17")
    with pytest.raises(ValueError, match=r"^run_dir: expected a folder without a run in it, or"):
        last = first / "checkpoints" / "last.ckpt"
        train_with(tmp_path, *_SIZES, f"ckpt={last}", f"run_dir={second}")
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in files_in(tmp_path)} == before


@pytest.mark.slow
def test_resume_across_processes_equals_the_undisturbed_run(whole, tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    with monkeypatch.context() as stopping:
        _stop_at(stopping, 25, "after", KeyboardInterrupt())
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            train_with(tmp_path, *_SIZES)
    (stopped,) = runs_in(tmp_path)
    (done,) = run_many(tmp_path, [["train", *TINY, *_SIZES, "resume=auto"]])
    said = f"resume: {stopped} is the newest run that agrees with what is typed\n"
    assert done.status == 0 and done.err.startswith(said), done.err
    assert_same_run(stopped, whole("checkerboard"))
