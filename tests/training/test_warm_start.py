"""First weights from another model, and weights that are not trained."""

import copy
import shutil
from types import SimpleNamespace

import pytest
import torch
from helpers.compose import leave_out_figures, run_folder, train_with
from helpers.same_run import assert_same_run
from torch import nn

import interpolants
from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST
from interpolants.training import run as training_run
from interpolants.training.warm_start import freeze, warm_start
from interpolants.utils.log import silent

_PLAIN = {"init_weights": "ema", "init_shrink": 1.0, "init_noise": 0.0, "seed": 0}
_SHORT = ["metric=[]", "ema=0.5"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        leave_out_figures(monkeypatch)
        return run_folder(train_with(tmp_path_factory.mktemp("run"), *_SHORT))


def _new(run):
    """A model in training of the same networks, with other weights."""
    model = copy.deepcopy(interpolants.load(run).fields)
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    return SimpleNamespace(model=model, networks=lambda: [model.net])


def _weights(run, kind):
    content = read_checkpoint(run / LAST)
    if kind == "ema":
        return content["ema"]["weights"]
    prefix = "trainable.model."
    return {k.removeprefix(prefix): w for k, w in content["state_dict"].items() if prefix in k}


def _same(model, weights):
    return all(torch.equal(p, weights[name]) for name, p in model.named_parameters())


@pytest.mark.parametrize("kind", ["ema", "raw"])
@pytest.mark.parametrize("where", ["checkpoint", "run", "saved"])
def test_warm_start_takes_weights_from_anywhere(where, kind, run, tmp_path):
    path = {"checkpoint": run / LAST, "run": run}.get(where)
    if path is None:
        path = interpolants.load(run).save(tmp_path / "saved")
        if kind == "raw":
            with pytest.raises(ValueError, match=r"^init_weights: expected 'ema' for a saved mod"):
                warm_start(_new(run), _PLAIN | {"init": path, "init_weights": kind}, silent)
            return
    new = _new(run)
    record = warm_start(new, _PLAIN | {"init": str(path), "init_weights": kind}, silent)
    assert _same(new.model, _weights(run, kind)) and record["left"] == {}
    assert record["taken"] == len(list(new.model.parameters())) and record["init"] == str(path)


def test_warm_start_lists_what_it_did_not_take(run, capsys):
    new, said = _new(run), []
    net = new.model.net
    net.layers[0] = nn.Linear(7, 16)
    net.extra = nn.Linear(2, 2, bias=False)
    del net.layers[2].bias
    before = net.layers[0].weight.clone()
    record = warm_start(new, _PLAIN | {"init": str(run)}, said.append)
    there = tuple(_weights(run, "ema")["net.layers.0.weight"].shape)
    assert record["left"] == {
        "net.layers.0.weight": f"{there} there, (16, 7) here",
        "net.extra.weight": "not there",
    }
    (text,) = said
    assert "net.extra.weight starts anew: not there" in text
    assert "net.layers.2.bias of that model is not used" in text
    assert torch.equal(net.layers[0].weight, before)


def test_warm_start_from_another_network_is_refused(run):
    other = SimpleNamespace(model=nn.Sequential(nn.Linear(3, 3)), networks=list)
    with pytest.raises(ValueError, match=r"^init: expected weights with the names and .*0\.w"):
        warm_start(other, _PLAIN | {"init": str(run)}, silent)


def test_warm_start_shrinks_and_perturbs_what_is_trained(run):
    expected = _weights(run, "ema")
    settings = _PLAIN | {"init": str(run), "init_shrink": 0.4, "init_noise": 0.1}
    found = []
    for seed in (0, 0, 1):
        new = _new(run)
        freeze(new.model, ["net.layers.0.*"])
        warm_start(new, settings | {"seed": seed}, silent)
        found.append({name: p.detach() for name, p in new.model.named_parameters()})
    first, again, other = found
    noise = [(first[n] - 0.4 * w).flatten() for n, w in expected.items() if "layers.0." not in n]
    z = torch.cat(noise) / 0.1
    # Mean and variance of n standard normals, within four of their standard deviations.
    assert z.mean().abs() < 4 / len(z) ** 0.5 and (z.var() - 1).abs() < 4 * (2 / len(z)) ** 0.5
    assert torch.equal(first["net.layers.0.weight"], expected["net.layers.0.weight"])
    name = next(n for n in expected if "layers.0." not in n)
    assert torch.equal(first[name], again[name]) and not torch.equal(first[name], other[name])


def test_freeze_refuses_patterns_that_match_nothing_or_everything():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    with pytest.raises(ValueError, match=r"^freeze: expected patterns of 0\.weight.*'2\.\*'"):
        freeze(model, ["0.*", "2.*"])
    assert all(p.requires_grad for p in model.parameters())
    with pytest.raises(ValueError, match=r"^freeze: expected patterns that leave weights to"):
        freeze(model, ["*"])


@pytest.mark.parametrize("word", ["init_weights=raw", "init_shrink=0.5", "init_noise=0.1"])
def test_settings_that_do_nothing_without_init_are_refused(word, tmp_path):
    with pytest.raises(ValueError, match=rf"^{word.partition('=')[0]}: expected .* without init"):
        train_with(tmp_path, word)


def test_run_from_other_weights_keeps_frozen_ones_and_resumes_without_their_source(
    run, tmp_path, monkeypatch
):
    leave_out_figures(monkeypatch)
    source = tmp_path / "source"
    shutil.copytree(run, source)
    words = [*_SHORT, f"init={source}", "freeze=[net.layers.0.*]", "seed=3", "ema=0.9"]
    words += ["data=moons", "checkpoint_every=2", "max_steps=6"]
    whole = run_folder(train_with(tmp_path / "whole", *words))
    started = _weights(run, "ema")
    content = read_checkpoint(whole / LAST)
    state, averages = content["state_dict"], content["ema"]["weights"]
    for name, weight in started.items():
        moved = not torch.equal(state[f"trainable.model.{name}"], weight)
        assert moved == (name in averages) == ("layers.0." not in name), name
    trained = content["optimizer_states"][0]["param_groups"][0]["params"]
    assert len(trained) == len(averages) < len(started)
    loaded = dict(interpolants.load(whole).fields.named_parameters())
    assert torch.equal(loaded["net.layers.0.bias"], started["net.layers.0.bias"])
    assert torch.equal(loaded["net.layers.2.bias"], averages["net.layers.2.bias"])
    (record,) = content["hyper_parameters"]["config"]["history"]
    assert record["init"] == str(source) and record["step"] == 0 and record["left"] == {}

    def stop(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as stopping, pytest.raises((KeyboardInterrupt, SystemExit)):
        stopping.setattr(training_run.SampleValidation, "on_validation_epoch_end", stop)
        train_with(tmp_path / "half", *words)
    shutil.rmtree(source)
    half = run_folder(train_with(tmp_path / "half", *words, "resume=auto"))
    assert_same_run(half, whole)
    assert read_checkpoint(half / LAST)["hyper_parameters"]["config"]["history"] == [record]
