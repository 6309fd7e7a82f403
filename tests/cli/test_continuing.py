"""`resume=auto` takes the newest run that agrees with what is typed, with its own settings."""

import shutil

import pytest
import yaml
from helpers.compose import CONF, TINY, config_of, leave_out_figures
from helpers.scripts import runs_in
from hydra.core.hydra_config import HydraConfig

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST
from interpolants.cli.composing import compose, recorded
from interpolants.cli.train import main


def _train(*words):
    main(config_of(*words, "hydra.runtime.output_dir=."))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two runs of one name; the one with other settings trained last."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as monkeypatch:
        leave_out_figures(monkeypatch)
        monkeypatch.chdir(folder)
        _train(*TINY, "metric=[]", "seed=1")
        (first,) = runs_in(folder)
        _train(*TINY, "metric=[]", "net.hidden=24", "optimizer=adamw", "optimizer.lr=0.002")
        (second,) = set(runs_in(folder)) - {first}
    return folder, first.relative_to(folder), second.relative_to(folder)


@pytest.fixture
def runs(trained, tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    shutil.copytree(trained[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return trained[1:]


def _step(run):
    return read_checkpoint(run / LAST)["global_step"]


def test_newest_run_is_continued_with_its_own_settings_and_named(runs, capsys):
    first, second = runs
    _train("resume=auto", "max_steps=6")
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"resume: {second} is the newest run that agrees with what is typed"
    assert said[1] == f"continues {second / LAST} at step 4"
    assert (_step(first), _step(second)) == (4, 6)
    config = yaml.safe_load((second / "config.yaml").read_text())
    assert (config["net"]["hidden"], config["optimizer"]["lr"]) == (24, 0.002)
    assert "seed=1" not in config["overrides"] and "net.hidden=24" in config["overrides"]
    assert not [word for word in config["overrides"] if word.startswith("resume")]
    # What was typed the second time belongs to the run as well.
    _train("resume=auto")
    assert "has finished its 6 steps" in capsys.readouterr().err


def test_run_that_disagrees_with_what_is_typed_is_passed_over(runs, capsys):
    first, second = runs
    _train("resume=auto", "seed=1", "max_steps=6")
    assert f"resume: {first} is the newest run that agrees" in capsys.readouterr().err
    assert (_step(first), _step(second)) == (6, 4)


def test_new_run_starts_where_none_agrees_and_the_reason_is_said(runs, tmp_path, capsys):
    first, second = runs
    _train(*TINY, "metric=[]", "resume=auto", "optimizer=adamw", "optimizer.lr=0.003")
    said = capsys.readouterr().err
    reason = "net.hidden is 24 there, 16 here; type other settings\n"
    assert f"resume: {second} is not continued: {reason}" in said
    assert (_step(first), _step(second)) == (4, 4) and len(runs_in(tmp_path)) == 3


def test_run_that_is_named_changes_what_may_change(runs, tmp_path):
    second = runs[1]
    _train(f"ckpt={second}", "max_steps=6", "optimizer.lr=0.001", "change=[optimizer.lr]")
    content = read_checkpoint(second / LAST)
    assert content["optimizer_states"][0]["param_groups"][0]["initial_lr"] == 0.001
    assert len(runs_in(tmp_path)) == 2


def test_change_that_was_stopped_before_its_first_checkpoint_is_not_forgotten(runs, monkeypatch):
    second = runs[1]
    with monkeypatch.context() as stopping, pytest.raises(RuntimeError, match="planted"):

        def fail(*_):
            raise RuntimeError("planted")

        stopping.setattr("interpolants.training.module.TrainingModule._learn", fail)
        _train("resume=auto", "max_steps=6", "optimizer.lr=0.001", "change=[optimizer.lr]")
    assert _step(second) == 4
    _train("resume=auto")
    history = read_checkpoint(second / LAST)["hyper_parameters"]["config"]["history"]
    assert history == [{"step": 4, "changed": {"optimizer.lr": [0.002, 0.001]}}]


def test_class_that_only_the_record_of_a_run_names_is_not_built(runs, capsys, tmp_path):
    second = runs[1]
    file = second / "config.yaml"
    config = yaml.safe_load(file.read_text())
    config["overrides"].append("++logger.x={_target_: pathlib.Path}")
    file.write_text(yaml.safe_dump(config))
    with pytest.raises(ValueError, match=r"^overrides: expected classes .*pathlib\.Path"):
        _train(f"ckpt={second}", "max_steps=6")
    file.write_text("a: [")
    with pytest.raises(ValueError, match=r"config\.yaml: expected settings of a run, got while"):
        _train(f"ckpt={second}", "max_steps=6")


def test_composition_leaves_the_record_of_hydra_as_it_was():
    config_of("data=moons")
    before = HydraConfig.instance().cfg
    with recorded(compose("train", ["data=rings"], [CONF])) as cfg:
        assert cfg.name == "rings" and "hydra" not in cfg
    assert HydraConfig.instance().cfg is before
