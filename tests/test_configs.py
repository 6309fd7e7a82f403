"""Every option of every group trains, validates, samples and reports, at the smallest size."""

import math

import pytest
from helpers.companions import COMPANIONS, POSITIVE, SERIES, VIDEO_SIZES
from helpers.compose import (
    CONF,
    TINY,
    TINY_IMAGE,
    TINY_PATCHES,
    TINY_POTENTIAL,
    TINY_SERIES,
    config_of,
    leave_out_figures,
    run_folder,
    train_with,
    write_user_files,
)
from helpers.image_files import OPTIONS
from helpers.problems import load
from helpers.scripts import save_a_pixel

_ON_CUDA = {"trainer=gpu", "sampler/mode=cuda_graph"}
# Groups with no choice to train with, and options with a test of their own.
_LEFT_OUT = {
    "debug",
    "hparams_search",
    "hydra",
    "hydra/launcher",
    "logger=wandb",
    "experiment",
    "",
}
_LEFT_OUT |= {"net=diffusers_unet"}
_TAUGHT = ("consistency", "lagrangian", "semigroup")
_LEFT_OUT |= {f"objective={kind}_distillation" for kind in _TAUGHT}
_LEFT_OUT |= {"likelihood", "likelihood/divergence", "output"}
_LEFT_OUT |= {"guidance=autoguidance", "features"}  # takes a trained model
_LEFT_OUT |= {"data=dataset", "data=huggingface"}  # have tests of their own
# One row only, and videos too large for an MLP.
_LEFT_OUT |= {"data=bridge", "data=moving_digits", "data=moving_digits_small"}


# Solvers by the noise of what they solve; the others solve no process of the configuration.
_SOLVED = {
    "none": [],
    "additive": ["sampler=sde"],
    "geometric": ["sampler=ambient_euler", *POSITIVE],
}


def _companions(option):
    """The overrides that an option goes with, or None if no configuration takes it."""
    group, _, stem = option.partition("=")
    if option in COMPANIONS:
        return COMPANIONS[option]
    if group.partition("/")[0] in ("task", "neural_sde"):
        return SERIES
    if group in ("sampler/epsilon", "sampler/noise"):
        return ["sampler=sde"]
    if group == "sampler/solver":
        accepted = load(group, stem).accepts
        return next((_SOLVED[noise] for noise in accepted if noise in _SOLVED), None)
    return []


def _options():
    found = []
    for path in sorted(CONF.rglob("*.yaml")):
        group = path.parent.relative_to(CONF).as_posix().lstrip(".")
        option = f"{group}={path.stem}"
        if not {group, option} & _LEFT_OUT and _companions(option) is not None:
            found.append(option)
    return found


# Groups whose options need nothing of each other, so that one run tries an option of each.
_MANY = ("callbacks", "data", "logger", "net", "optimizer", "scheduler", "time_sampler")
_MANY += ("trainer", "weight")
_TOGETHER = (
    (*_MANY, "sampler/mode", "sampler/solver"),
    ("metric", "sampler/grid"),
    ("interpolant/gamma", "space"),
    ("sampler/epsilon", "sampler/noise"),
)
_ALONE = _ON_CUDA | {"trainer=ddp", "trainer=fsdp"}
_ALONE |= {"net=conservative", "net=dit", "net=torch_module"}


def _family(option):
    """What options have in common that one run may try; the option itself if it stands alone."""
    group, _, stem = option.partition("=")
    if option in _ALONE or stem.startswith("unet"):
        return option
    if "neural_sde" in option:
        return "neural_sde"
    return next((groups for groups in _TOGETHER if group in groups), option)


def _settings(option):
    """The option and its companions by key."""
    return dict(word.split("=", 1) for word in (*_companions(option), option))


def _runs():
    """Options that are tried together, with all of their settings."""
    runs = []
    for option in _options():
        settings = _settings(option)
        for options, taken in runs:
            free = all(taken.get(key, value) == value for key, value in settings.items())
            if _family(option) == _family(options[0]) and free:
                options.append(option)
                taken |= settings
                break
        else:
            runs.append(([option], settings))
    return runs


def _experiments():
    return sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a user's files in it, where no time goes into pictures."""
    write_user_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    leave_out_figures(monkeypatch, save_a_pixel)
    monkeypatch.setattr("interpolants.metric.features.classifier._LEAST_STEPS", 20)
    return tmp_path


def _check_run(report):
    run = run_folder(report)
    assert report.metrics or report.numbers
    assert all(math.isfinite(m.value) and math.isfinite(m.floor) for m in report.metrics)
    assert report.nfe > 0
    metrics = (run / "metrics.csv").read_text()
    assert {"train/loss", "val/loss"} <= set(metrics.splitlines()[0].split(","))
    assert (run / "checkpoints" / "last.ckpt").is_file()
    assert (run / "checkpoints" / "best.ckpt").is_file()
    assert (run / "samples" / "samples.npz").is_file()


def test_configs_every_option_is_in_a_run():
    runs = _runs()
    assert sorted(option for options, _ in runs for option in options) == sorted(_options())
    for options, settings in runs:
        assert all(_settings(option).items() <= settings.items() for option in options)


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        pytest.param(*run, marks=[pytest.mark.gpu] if {*run[0]} & _ON_CUDA else [])
        for run in _runs()
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_configs_options_train_and_report(options, settings, folder):
    net, sizes = settings.get("net", ""), {"dit": TINY_PATCHES, "torch_module": TINY[1:]}
    sizes["conservative"] = TINY_POTENTIAL
    sizes = TINY_IMAGE if net.startswith("unet") else sizes.get(net, TINY)
    sizes = TINY_SERIES if settings.get("task") == "neural_sde" else sizes
    overrides = ["max_steps=2", "steps_per_batch=1", "batch_size=8"]  # for sets of ten rows too
    overrides += [f"{key}={value}" for key, value in settings.items()]
    _check_run(train_with(folder, *overrides, sizes=sizes))


def _of_images(cfg):
    """Small sets in the place of those that may not be there, and no features to be learned."""
    overrides = ["metric=[nearest_neighbour]", "scheduler.warmup_steps=0", "workers=0"]
    sets = {"data": cfg.data._target_, "base.data": cfg.base.get("data", {}).get("_target_", "")}
    for key, target in sets.items():
        setting, path = OPTIONS.get(target.split(".")[-2] if target else "", (None, None))
        if setting is not None:
            overrides.append(f"{key}.{setting}={path}")
    gpu = cfg.trainer.accelerator == "gpu"
    return [*overrides, "trainer=cpu"] if gpu else overrides


@pytest.mark.parametrize("name", _experiments())
def test_configs_experiment_trains_and_reports(name, folder):
    overrides = [f"experiment={name}", "max_steps=2", "steps_per_batch=1"]
    cfg = config_of(overrides[0])
    sizes = TINY if "net" in cfg and "hidden" in cfg.net else TINY_IMAGE
    sizes = TINY_SERIES if "neural_sde" in cfg else sizes
    if "MovingDigits" in cfg.data._target_:
        overrides += VIDEO_SIZES
    if "length" in cfg.data:
        overrides.append("data.length=8")
    if "frechet_distance" in cfg.metric:
        overrides += _of_images(cfg)
    if "teacher" in cfg.get("objective", {}):
        teacher = train_with(folder, "experiment=mnist", *overrides[1:], sizes=sizes)
        overrides += [f"{key}={run_folder(teacher)}" for key in ("objective.teacher.path", "init")]
    _check_run(train_with(folder, *overrides, sizes=sizes))


def test_configs_paired_coupling_is_refused_for_data_without_pairs(folder):
    rule = "coupling: expected data whose batches have x0, for paired data, got 'Checkerboard'"
    with pytest.raises(ValueError, match=rule):
        train_with(folder, "coupling=paired")
    assert not (folder / "outputs").exists()


@pytest.mark.parametrize("sampler", ["ode", "sde", "backward", "ode_backward"])
def test_configs_sampling_script_takes_the_samplers_of_training(sampler):
    trained = config_of(f"sampler={sampler}").sampler
    assert config_of(f"sampler={sampler}", name="sample").sampler == trained


def test_configs_experiment_of_a_neural_sde_holds_against_defaults_and_yields_to_overrides():
    chosen = config_of("experiment=fbm_bridge", "neural_sde/solver=driven_euler", "batch_size=3")
    assert chosen.task._target_.endswith("NeuralSDETask")
    assert chosen.neural_sde.solver._target_.endswith("DrivenEuler")
    assert (chosen.batch_size, chosen.max_steps) == (3, 500)
    assert "net" not in chosen and "sampler" not in chosen


@pytest.mark.parametrize("data", ["time_series_nile", "bridge"])
def test_configs_series_train_a_neural_sde(data, folder):
    overrides = ["task=neural_sde", f"data={data}", "neural_sde.guide=false", "max_steps=2"]
    overrides += ["data.length=8"] if data != "bridge" else []
    _check_run(train_with(folder, *overrides, sizes=TINY_SERIES))
