"""Modules of other code bases from a configuration to samples."""

import pytest
import torch
from helpers.compose import ROOT, leave_out_figures, run_folder, sample_with, train_with
from helpers.plain_nets import Dropping
from helpers.readme import blocks, command_lines
from helpers.same_run import assert_same_run
from helpers.scripts import run_many
from torch import nn

import interpolants
from interpolants.checkpoint import spec

_SIZES = [
    *("max_steps=8", "steps_per_batch=2", "batch_size=16", "log_every=1", "validate_every=4"),
    *("sample_every=1000", "checkpoint_every=4", "validation_size=16", "report_size=16"),
    *("sampler.num_steps=2", "metric=[energy_distance]"),
]
_ROWS = [
    *("data=moons", "objective=velocity", "interpolant=one_sided_linear", "net=torch_module"),
    "net.module._target_=helpers.plain_nets.Dropping",
]
_MAPS = [
    *("data=digits", "objective=velocity", "interpolant=one_sided_linear", "net=diffusers_unet"),
    "label_dropout=0.2",
]
_TINY_UNET = ["net.module.block_out_channels=[8,8]", "net.module.attention_head_dim=4"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder, where no time goes into pictures."""
    monkeypatch.chdir(tmp_path)
    leave_out_figures(monkeypatch)
    return tmp_path


def test_run_with_a_module_that_draws_resumes_to_the_bit_and_samples(folder, monkeypatch):
    whole = run_folder(train_with(folder, *_ROWS, "run_dir=whole", sizes=_SIZES))
    monkeypatch.setattr(Dropping, "left", 5)
    with pytest.raises(RuntimeError, match="the power is gone"):
        train_with(folder, *_ROWS, "run_dir=stopped", sizes=_SIZES)
    monkeypatch.setattr(Dropping, "left", None)
    torch.rand(3)  # an own stream of numbers, which a resumed run must not depend on
    resumed = train_with(folder, *_ROWS, "run_dir=stopped", "resume=auto", sizes=_SIZES)
    assert_same_run(run_folder(resumed), whole)
    path = whole / "checkpoints" / "last.ckpt"
    with pytest.raises(ValueError) as error:
        interpolants.load(path)
    assert str(error.value) == (
        "net.module._target_: expected a class defined in a trusted module, got "
        "'helpers.plain_nets.Dropping'; pass trust=['helpers.plain_nets'] only if you trust the "
        "file's author"
    )
    assert sample_with(f"ckpt={path}", "n=16", "trust=[helpers]", *_SIZES[-2:]) > 0


def test_network_that_breaks_its_contract_is_refused_before_anything_is_written(folder):
    rule = r"net\.module: expected predictions of shape \(2, 4\) or \(2, 2, 2\), heads = 2, got"
    with pytest.raises(ValueError, match=rule):
        train_with(folder, *_ROWS, "objective=velocity_and_denoiser", sizes=_SIZES)
    with pytest.raises(ValueError, match=r"net: expected .* got TypeError: .*argument"):
        train_with(folder, *_ROWS, "net.inputs=[x,t,'z=label']", sizes=_SIZES)
    sizes = ["net.inputs=[x,t,label]", "net.sizes=['dim=channels','out=out_channels']"]
    iris = ["data=table", "data.name=iris", "label_dropout=0.1", "+net.module.classes=3"]
    with pytest.raises(ValueError, match=r"with class 2 and its null label, got IndexError"):
        train_with(folder, *_ROWS, *sizes, *iris, sizes=_SIZES)
    assert not list(folder.iterdir())


def test_class_under_another_name_is_refused_with_the_name_to_write():
    named = {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 2}
    with pytest.raises(ValueError) as error:
        spec.check_spec(named, nn.Module, trust=["torch.nn"], where="net.module")
    rule = "net.module._target_: expected a class defined in torch.nn, got 'torch.nn.Linear'"
    assert str(error.value) == f"{rule}; write torch.nn.modules.linear.Linear"


@pytest.mark.slow
def test_module_and_yaml_of_the_guide_train_and_sample(tmp_path):
    page = ROOT / "docs/guides/networks.md"
    (tmp_path / "my_nets.py").write_text(blocks("python", page)[0])
    (tmp_path / "conf/net").mkdir(parents=True)
    (tmp_path / "conf/net/convolutions.yaml").write_text(blocks("yaml", page)[0])
    lines = [line for line in command_lines(page) if any("my_nets" in word for word in line)]
    first = next(line for line in command_lines(page) if "net=convolutions" in line)
    path = f"{tmp_path}:{ROOT}"
    train, overrides = ([*line, *_SIZES] for line in (first, lines[0]))
    sample = [*lines[1], "n=8", "label=3"]
    done = run_many(tmp_path, [[*train, "run_dir=outputs/a/b"], overrides], PYTHONPATH=path)
    assert [(each.status, each.complaints) for each in done] == [(0, "")] * 2
    sample.append("ckpt=outputs/a/b/checkpoints/last.ckpt")
    (sampled,) = run_many(tmp_path, [sample], PYTHONPATH=path)
    assert (sampled.status, sampled.err) == (0, "")


def _diffusers(folder, *overrides):
    pytest.importorskip("diffusers")
    return run_folder(train_with(folder, *_MAPS, *_TINY_UNET, *overrides, sizes=_SIZES))


@pytest.mark.slow
def test_unet_of_diffusers_trains_with_labels_resumes_to_the_bit_and_samples(folder, monkeypatch):
    whole = _diffusers(folder, "run_dir=whole")
    unet = pytest.importorskip("diffusers").UNet2DModel
    forward, calls = unet.forward, iter(range(5))

    def failing(self, *args, **kwargs):
        assert not self.training or next(calls, None) is not None, "the power is gone"
        return forward(self, *args, **kwargs)

    with monkeypatch.context() as patch, pytest.raises(AssertionError, match="the power is gone"):
        patch.setattr(unet, "forward", failing)
        _diffusers(folder, "run_dir=stopped")
    assert_same_run(_diffusers(folder, "run_dir=stopped", "resume=auto"), whole)
    path = whole / "checkpoints" / "last.ckpt"
    model = interpolants.load(path, trust=["diffusers"])
    density = model.log_prob(torch.rand(2, 1, 8, 8) * 16, label=3, gradients=True, num_steps=1)
    assert density.value.isfinite().all()
    path = f"ckpt={path}"
    guided = ["guidance=classifier_free", "label=3", "trust=[diffusers]"]
    assert sample_with(path, "n=16", *guided, *_SIZES[-2:]) > 0
    with pytest.raises(ValueError, match=r"pass trust=\['diffusers\.models\.unets\.unet_2d'\]"):
        sample_with(path, "n=16")
