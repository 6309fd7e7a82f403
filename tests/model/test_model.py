"""Trained models: loaded from a file, and built from parts in a notebook."""

import ast
import json
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from helpers.compose import leave_out_figures, run_folder, train_with
from helpers.scripts import environment
from torch import nn

import interpolants
from interpolants import (
    BackwardSDE,
    Fields,
    ForwardSDE,
    LinearInterpolant,
    Model,
    ProbabilityFlow,
    Sampler,
)
from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.space.scaling import Scaling
from interpolants.utils.seeds import keyed_generator

_FREE_OF = ("hydra", "omegaconf", "lightning", "wandb", "matplotlib", "sklearn", "scipy")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run on data with units of its own, whose averages lag behind."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        leave_out_figures(monkeypatch)
        overrides = ["data=table", "data.name=iris", "max_steps=20", "steps_per_batch=2"]
        return run_folder(train_with(tmp_path_factory.mktemp("model"), *overrides))


@pytest.fixture(scope="module")
def path(run):
    return run / "checkpoints" / "last.ckpt"


# From N(0, 1) to N(3, 0.5^2) in a notebook.
_NOTEBOOK = """
net = MLP(event_shape=(1,), heads=1, hidden=32, depth=2)
fields = Fields(net=net, interpolant=LinearInterpolant(), predicts=["velocity"])
objective = VelocityObjective()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
for _ in range(200):
    x0, x1, z = torch.randn(256, 1), 3 + 0.5 * torch.randn(256, 1), torch.randn(256, 1)
    optimizer.zero_grad()
    objective(fields, torch.rand(256), x0, x1, z).total.mean().backward()
    optimizer.step()
samples = Sampler(fields=fields)(torch.randn(4000, 1))
"""
_FRESH = f"""
import json, sys
import torch
import interpolants
from interpolants import MLP, Fields, LinearInterpolant, Sampler, VelocityObjective
torch.manual_seed(0)
{_NOTEBOOK}
x = interpolants.load(sys.argv[1]).sample(32, seed=0).x
found = [name for name in {_FREE_OF} if name in sys.modules]
print(json.dumps([found, samples.x.mean().item(), samples.x.std().item(), x.tolist()]))
"""


@pytest.fixture(scope="module")
def fresh(path):
    """What a fresh process has: modules, moments of its own model, samples of a loaded one."""
    command = [sys.executable, "-c", _FRESH, str(path)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_model_loads_in_a_fresh_process_with_torch_alone(fresh, run):
    found, _, _, x = fresh
    assert found == []
    reported = np.load(run / "samples" / "samples.npz")["x"]
    assert np.array_equal(np.float32(x), reported[:32])


def test_model_holds_averaged_weights_or_the_last_ones(path):
    content = torch.load(path, weights_only=True)
    weights = {
        name: dict(interpolants.load(path, weights=name).fields.named_parameters())
        for name in ("ema", "raw")
    }
    for name, parameter in weights["ema"].items():
        assert torch.equal(parameter, content["ema"]["weights"][name])
        assert torch.equal(weights["raw"][name], content["state_dict"][f"trainable.model.{name}"])
    assert any(not torch.equal(p, weights["raw"][name]) for name, p in weights["ema"].items())


def test_model_default_weights_are_the_averages(path):
    x = interpolants.load(path).sample(8).x
    assert torch.equal(x, interpolants.load(path, weights="ema").sample(8).x)
    assert not torch.equal(x, interpolants.load(path, weights="raw").sample(8).x)


def test_model_without_averages_says_to_take_the_last_weights(path, tmp_path):
    content = torch.load(path, weights_only=True)
    del content["ema"]
    torch.save(content, tmp_path / "bare.ckpt")
    with pytest.raises(ValueError, match=r"^load\.weights: expected .*; take 'raw' ones$"):
        interpolants.load(tmp_path / "bare.ckpt")
    assert interpolants.load(tmp_path / "bare.ckpt", weights="raw").event_shape == (4,)


def test_model_samples_depend_on_the_seed_alone(path):
    model = interpolants.load(path)
    torch.manual_seed(1)
    first = model.sample(16, seed=3, sampler=_sde)
    torch.manual_seed(2)
    assert torch.equal(first.x, model.sample(16, seed=3, sampler=_sde).x)
    assert not torch.equal(first.x, model.sample(16, seed=4, sampler=_sde).x)


def _sde(*, fields):
    return Sampler(fields=fields, process=ForwardSDE, epsilon=0.5, solver=_maruyama(), num_steps=8)


def _maruyama():
    from interpolants.sampler.solver.euler_maruyama import EulerMaruyama

    return EulerMaruyama()


def test_model_chunks_bound_what_is_integrated_at_once(path):
    model, sizes = interpolants.load(path), []
    model.fields.net.register_forward_pre_hook(lambda _, args: sizes.append(len(args[1])))
    samples = model.sample(10, chunk_size=4, num_steps=2)
    assert set(sizes) == {4, 2}
    assert len(samples.x) == 10 and samples.nfe == len(sizes) / 3


def test_model_path_starts_in_the_base_and_ends_at_the_samples_in_units_of_the_data(path):
    model = interpolants.load(path)
    start = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    samples = model.sample(500, start=start, times=[0, 0.5, 1])
    assert torch.equal(samples.path[0], start)
    # The last kept state lies before the step that ends at t=1, if the process stops short of it.
    assert (samples.path[-1] - samples.x).abs().max() < 0.1 * model.scaling.scale.max()


class _Still(nn.Module):
    """A velocity of zero."""

    def forward(self, t, x):
        assert not self.training
        return torch.zeros_like(x).unsqueeze(1)


def _still(net=None, **options):
    fields = Fields(net=net or _Still(), interpolant=LinearInterpolant(), predicts=["velocity"])
    return Model(fields=fields, event_shape=(2,), **options)


def _uniform(*, fields, **options):
    return Sampler(fields=fields, grid=UniformGrid(), num_steps=4, **options)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("times", [(0, 0.5, 1), (0.5,), (0.25, 0.5), (0.5, 0.75, 1)])
def test_model_path_units_depend_on_the_time_alone(times, backward):
    """A state that is constant in the network's units moves by 100 over the path in the data's."""
    model = _still(scaling=Scaling(torch.tensor(100.0)))
    start = torch.zeros(3, 2) + (100 if backward else 0)
    process = partial(ProbabilityFlow, backward=backward)
    samples = model.sample(3, start=start, times=times, sampler=partial(_uniform, process=process))
    assert samples.times.tolist() == sorted(times, reverse=backward)
    for t, state in zip(samples.times, samples.path, strict=True):
        assert torch.equal(state, torch.full((3, 2), 100 * t.item()))
    assert torch.equal(samples.x, torch.full((3, 2), 0.0 if backward else 100.0))


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 11, 12, 21])
def test_model_samples_share_no_draws_with_the_data(seed):
    """A seed that is also the name of another stream: 2 was that of held-out data."""
    data = GaussianMixture(means=[[0.0, 0.0]], std=1.0, standardize=False)
    start = _still().sample(8, seed=seed, times=[0]).path[0]
    others = [data.held_out(8, 0).x1, data.train_batch(0, 8, 0).x1, data.train_batch(0, 8, 1).x1]
    named = torch.randn(8, 2, generator=keyed_generator(seed, 0))
    assert not any(torch.equal(start, other) for other in [*others, named])


def test_model_network_is_back_in_training_mode_after_sampling_and_after_an_interrupt():
    class Interrupted(nn.Module):
        def forward(self, t, x):
            raise KeyboardInterrupt

    model = _still()
    model.fields.train()
    model.sample(2)
    assert model.fields.net.training
    model = _still(Interrupted())
    for training in (True, False):
        model.fields.train(training)
        with pytest.raises(KeyboardInterrupt):
            model.sample(2)
        assert model.fields.net.training == training


def test_model_start_of_another_shape_is_named_by_its_shape():
    rule = r"^Model\.sample\.start: expected shape \(2, 2\), got \(1000, 3\)$"
    with pytest.raises(ValueError, match=rule):
        _still().sample(2, start=torch.zeros(1000, 3))
    with pytest.raises(ValueError, match=r"start: expected shape \(2, 2\), got 'list'$"):
        _still().sample(2, start=[[0.0, 0.0], [0.0, 0.0]])


def _changed(path, folder, change):
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, folder / "changed.ckpt")
    return folder / "changed.ckpt"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda c: c.pop("state_dict"), r"got a file of another program \(no state_dict\)"),
        (lambda c: c["hyper_parameters"].update(config={"lr": 1}), r"\(no event_shape in its"),
        (lambda c: _config(c).pop("sampler"), r"got a .* \(no sampler in its config\)"),
        (lambda c: _config(c)["net"].update(hidden=8), "the weights of the network in "),
        (
            lambda c: c["state_dict"].pop("trainable.scaling.shift"),
            ".* got others; 'scaling.shift'",
        ),
    ],
)
def test_model_file_that_does_not_fit_is_named(change, rule, path, tmp_path):
    file = _changed(path, tmp_path, change)
    with pytest.raises(ValueError, match=rf"^.*changed\.ckpt: expected .*{rule}") as caught:
        interpolants.load(file)
    assert "\n" not in str(caught.value)


def _config(content):
    return content["hyper_parameters"]["config"]


@pytest.mark.parametrize(
    ("key", "changes", "rule"),
    [
        ("net", {"_target_": "os.system"}, r"^net\._target_: expected a class defined in"),
        ("net", {"hiden": 3}, r"^net\.hiden: expected an argument of MLP"),
        ("interpolant", {"gama": 3}, r"^interpolant\.gama: expected an argument of Linear"),
    ],
)
def test_model_part_that_cannot_be_built_is_named(key, changes, rule, path, tmp_path):
    file = _changed(path, tmp_path, lambda c: _config(c)[key].update(changes))
    with pytest.raises(ValueError, match=rule):
        interpolants.load(file)


def test_model_backward_process_wants_data_to_start_from(path):
    model = interpolants.load(path)

    def backward(*, fields):
        return Sampler(
            fields=fields, process=BackwardSDE, epsilon=0.5, solver=_maruyama(), num_steps=8
        )

    with pytest.raises(ValueError, match=r"^Model\.sample\.start: expected data to start the"):
        model.sample(4, sampler=backward)
    with pytest.raises(ValueError, match=r"^Model\.sample\.start: expected shape \(4, 4\), got"):
        model.sample(4, sampler=backward, start=torch.zeros(4, 3))
    assert model.sample(4, sampler=backward, start=torch.full((4, 4), 5.0)).x.shape == (4, 4)


def test_model_is_ten_statements_in_a_notebook_without_hydra_and_lightning(fresh):
    assert sum(isinstance(node, ast.stmt) for node in ast.walk(ast.parse(_NOTEBOOK))) <= 10
    found, mean, std, _ = fresh
    assert found == []
    assert abs(mean - 3) < 0.15 and abs(std - 0.5) < 0.1
