"""Short runs that find faults: each does what its name says."""

import csv

import pytest
from helpers.compose import CONF, config_of, leave_out_figures, run_folder, train_with

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST

_NET = ("net.hidden=16", "net.depth=2", "sampler.num_steps=2")


@pytest.fixture
def train(tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)

    def run(*overrides):
        return run_folder(train_with(tmp_path, *_NET, *overrides, sizes=()))

    return run


def _column(run, name):
    with open(run / "metrics.csv", newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]


@pytest.mark.parametrize("task", ["", "task=neural_sde data=fractional_ou data.length=5"])
def test_one_step_takes_one_step_one_validation_and_one_report(task, train, tmp_path):
    words = ["debug=one_step", *task.split()]
    sizes = _NET if not task else ("neural_sde.num_steps=1",)
    run = run_folder(train_with(tmp_path, *sizes, *words, sizes=()))
    assert run.parent == tmp_path / "outputs" / "debug"
    assert read_checkpoint(run / LAST)["global_step"] == 1
    assert len(_column(run, "train/loss")) == len(_column(run, "val/loss")) == 1
    assert (run / "samples" / "samples.npz").is_file()


@pytest.mark.parametrize("name", [path.stem for path in (CONF / "experiment").glob("*.yaml")])
def test_one_step_holds_against_every_experiment(name):
    cfg = config_of(f"experiment={name}", "debug=one_step")
    assert (cfg.max_steps, cfg.validate_every, cfg.scheduler.warmup_steps) == (1, 1, 0)
    assert cfg.traceback and cfg.name == "debug"


def test_overfit_batch_learns_one_batch_by_heart(train):
    """The minimum at fixed rows, times and noise is far below that of the expected loss."""
    sizes = ("max_steps=200", "metric=[]", "validate_every=200", "sample_every=200")
    run = train("debug=overfit_batch", *sizes, "checkpoint_every=200")
    losses = _column(run, "train/loss")
    assert losses[-1] < losses[0] - 5 and losses[-1] == pytest.approx(min(losses), abs=0.5)
    # A run of another kind does not go on from it.
    with pytest.raises(ValueError, match=r"^overfit_batch: expected True as in "):
        train("debug=overfit_batch", *sizes, "overfit_batch=false", f"ckpt={run}")


def test_overfit_batch_repeats_the_first_step(train):
    run = train(
        "debug=overfit_batch",
        "optimizer.lr=0",
        "max_steps=20",
        "validate_every=20",
        "sample_every=20",
        "log_every=1",
        "metric=[]",
    )
    assert len(set(_column(run, "train/loss"))) == 1


_SHORT = ("metric=[]", "max_steps=4", "validate_every=4", "sample_every=4")


@pytest.mark.parametrize(
    ("profiler", "table"),
    [("simple", "run_training_batch"), ("advanced", "cumulative"), ("pytorch", "CPU total")],
)
def test_profile_prints_a_table_of_each_of_lightnings_profilers(profiler, table, train, capsys):
    train("debug=profile", *_SHORT, f"trainer.profiler={profiler}")
    out = capsys.readouterr().out
    assert "Profiler Report" in out and table in out


def test_anomaly_names_the_operation_with_the_bad_gradient(train, monkeypatch):
    monkeypatch.setattr("interpolants.net.mlp.MLP.forward", _bad_forward)
    with pytest.raises(RuntimeError, match="SqrtBackward0' returned nan"):
        train("debug=anomaly", *_SHORT)


def _bad_forward(self, t, x):
    weight = next(self.parameters()).flatten()[0]
    root = (weight * 0).sqrt() * 0
    heads = x.unsqueeze(1).expand(len(x), 2, *x.shape[1:])
    return heads + root
