"""A model from data in memory, in one call."""

import random
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.compose import leave_out_figures
from hydra.core.hydra_config import HydraConfig
from torch.utils.data import TensorDataset

import interpolants as si
from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST
from interpolants.data.moons import Moons

_SMALL = ("steps_per_batch=2", "sampler.num_steps=4")
_NET = partial(si.MLP, hidden=8, depth=1)


@pytest.fixture(autouse=True)
def _no_figures(monkeypatch):
    leave_out_figures(monkeypatch)


def _rows(n=100):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(1)) * 5 + 20


def test_fit_returns_a_model_and_leaves_nothing_behind(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    states = random.getstate(), np.random.get_state()[1].copy(), torch.random.get_rng_state()
    record, threads = HydraConfig.instance().cfg, torch.get_num_threads()
    model = si.fit(_rows(), *_SMALL, max_steps=4, net=_NET)
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("step 2 of 4: train/loss ")
    assert said[-1].startswith("fit: 4 steps, validation loss ")
    assert list(tmp_path.iterdir()) == []
    assert HydraConfig.instance().cfg is record and torch.get_num_threads() == threads
    assert random.getstate() == states[0] and (np.random.get_state()[1] == states[1]).all()
    assert torch.equal(torch.random.get_rng_state(), states[2])
    # Rows are standardised, and samples are in their units; all but the held-out rows fit a batch.
    assert (model.scaling.shift - 20).abs().max() < 2 and model.config["batch_size"] == 80
    assert (model.sample(200).x.mean(0) - 20).abs().max() < 5
    assert model.config["run_dir"] is None and model.labels is None
    loaded = si.load(model.save(tmp_path / "model"))
    assert torch.equal(loaded.sample(5).x, model.sample(5).x)


def test_fit_is_the_run_of_the_command_with_the_same_settings(tmp_path):
    options = {"max_steps": 4, "batch_size": 16, "lr": 0.01, "seed": 3, "net": _NET}
    parts = {"interpolant": "one_sided_linear", "objective": si.VelocityObjective()}
    run = tmp_path / "run"
    model = si.fit(_rows(), *_SMALL, **options, **parts, run_dir=run)
    content = read_checkpoint(run / LAST)
    config = content["hyper_parameters"]["config"]
    assert (config["seed"], config["batch_size"], config["optimizer"]["lr"]) == (3, 16, 0.01)
    assert config["interpolant"]["_target_"].endswith("OneSidedLinearInterpolant")
    for name, weight in content["ema"]["weights"].items():
        assert torch.equal(model.fields.state_dict()[name], weight)
    # Continued, it is the longer run.
    longer = options | {"max_steps": 8}
    again = si.fit(
        _rows(), *_SMALL, "resume=auto", "scheduler=cosine", **longer, **parts, run_dir=run
    )
    assert read_checkpoint(run / LAST)["global_step"] == 8
    done = si.fit(_rows(), *_SMALL, "resume=auto", **longer, **parts, run_dir=run)
    assert torch.equal(done.sample(3).x, again.sample(3).x)


def test_fit_conditions_on_labels_wherever_they_come_from():
    rows, label = _rows(), torch.arange(100) % 3
    given = si.fit(rows, *_SMALL, label=label, max_steps=2, net=_NET)
    items = si.fit(TensorDataset(rows, label), *_SMALL, max_steps=2, net=_NET)
    assert given.labels.dropout == 0.1 and len(given.labels.frequencies) == 3
    assert torch.equal(given.sample(4, label=1).x, items.sample(4, label=1).x)
    data = si.fit(Moons(), *_SMALL, max_steps=2, net=_NET, batch_size=32)
    assert data.labels is None


@pytest.mark.parametrize(
    ("words", "options", "sentence"),
    [
        (
            ["net.hiden=3"],
            {},
            r"^net\.hiden: expected an existing key, .*did you mean net\.hidden\?",
        ),
        (
            ["max_steps=3"],
            {"max_steps": 4},
            r"^fit: expected each setting once, got \['max_steps'\]",
        ),
        (["net.hidden=3"], {"net": _NET}, r"^fit\.net: expected no word about .*'net\.hidden=3'"),
        (
            ["weight=power"],
            {"objective": si.VelocityObjective()},
            r"^fit\.objective: expected no word about .*'weight=power'",
        ),
        ([], {"net": "mpl"}, r"^net: expected one of .*mlp"),
        ([], {"net": torch.nn.Linear(2, 2)}, r"^fit\.net: expected an option's name"),
        ([], {"max_steps": "many"}, r"^max_steps: expected a whole number"),
        (["task=neural_sde"], {}, r"^data: expected time series, for a neural SDE"),
    ],
)
def test_fit_refuses_what_does_not_fit_before_it_trains(words, options, sentence, tmp_path):
    with pytest.raises(ValueError, match=sentence):
        si.fit(_rows(), *words, **options, run_dir=tmp_path / "run")
    assert not Path(tmp_path / "run").exists()
