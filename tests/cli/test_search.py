"""Searches of settings: Optuna in the place of a grid, and the sweep file of Weights & Biases."""

import pytest
import yaml
from helpers.compose import ROOT, TINY, config_of
from helpers.scripts import run_here, runs_in
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

_SEARCH = ["train", "-m", *TINY, "hparams_search=optuna", "hydra.sweeper.n_trials=3"]
_SIZES = ["max_steps=40", "validate_every=40", "sample_every=40", "metric=[]", "batch_size=64"]


def test_optuna_finds_the_better_of_two_rates_and_prints_it(tmp_path):
    words = [*_SEARCH, *_SIZES, "optimizer.lr=1e-6,1e-2", "sweep_value=val/loss"]
    (done,) = run_here(tmp_path, [words])
    assert done.status == 0, done.err
    (file,) = tmp_path.rglob("optimization_results.yaml")
    found = yaml.safe_load(file.read_text())
    assert found["best_params"] == {"optimizer.lr": 0.01}
    losses = {}
    for run in runs_in(tmp_path):
        config = yaml.safe_load((run / "config.yaml").read_text())
        names, *rows = (line.split(",") for line in (run / "metrics.csv").read_text().split())
        values = [float(row[names.index("val/loss")] or "inf") for row in rows]
        losses[config["optimizer"]["lr"]] = min(values)
    assert set(losses) == {1e-6, 1e-2}, "both rates have been tried"
    assert found["best_value"] == losses[1e-2] < losses[1e-6]
    assert "best_params:\n  optimizer.lr: 0.01\n" in done.out


def test_search_goes_on_after_a_job_that_diverged(tmp_path):
    words = [*_SEARCH, *_SIZES, "optimizer.lr=1e30,1e-2", "sweep_value=val/loss"]
    (done,) = run_here(tmp_path, [words])
    assert "optimizer.lr=1e+30): the loss is nan" in done.err
    assert "best_params:\n  optimizer.lr: 0.01\n" in done.out, done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", *_SEARCH[2:]], "hparams_search: expected a sweep, got 'optuna'; add -m, and "),
        (
            [*_SEARCH, *_SIZES, "trainer=ddp", "trainer.devices=2", "seed=0,1"],
            "trainer.strategy: expected one that starts no processes of its own in a sweep (-m)",
        ),
        (
            [*_SEARCH, *_SIZES, "seed=0,1"],
            "sweep_value: expected a value to search by, where metric=",
        ),
        ([*_SEARCH, "hydra/sweeper=ax"], "hydra/sweeper: expected one of basic, optuna, got 'ax'"),
    ],
)
def test_searches_that_would_do_something_else_are_refused(words, said, tmp_path):
    (done,) = run_here(tmp_path, [words])
    assert done.status == 1 and said in done.err and runs_in(tmp_path) == []


def test_command_line_of_a_wandb_sweep_is_one_of_train():
    """The agent replaces ${args_no_hyphens} by words of the parameters that it was given."""
    sweep = yaml.safe_load((ROOT / "examples" / "wandb_sweep.yaml").read_text())
    chosen = {"optimizer.lr": {"value": 0.003}, "net.hidden": {"value": 128}}
    assert sweep["parameters"].keys() == chosen.keys()
    words = create_sweep_command_args({"args": chosen})
    line = [
        word
        for part in create_sweep_command(sweep["command"])
        for word in (words[part[2:-1]] if part.startswith("${") else [part])
    ]
    assert line[:2] == ["interpolants", "train"]
    cfg = config_of(*line[2:])
    assert (cfg.optimizer.lr, cfg.net.hidden, cfg.logger.wandb.mode) == (0.003, 128, "online")
    assert sweep["metric"] == {"name": "val/loss", "goal": "minimize"}
