"""A trained model by itself: from its file alone, and from the parts in a notebook."""

import ast
import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from compose import leave_out_pictures, run_folder, train_with
from scripts import environment

import interpolants
from interpolants import BackwardSDE, ForwardSDE, Sampler

_FREE_OF = ("hydra", "omegaconf", "lightning", "wandb", "matplotlib", "sklearn", "scipy")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run on data with units of its own, whose averages lag behind."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        leave_out_pictures(monkeypatch)
        overrides = ["data=table", "data.name=iris", "max_steps=20", "steps_per_batch=2"]
        return run_folder(train_with(tmp_path_factory.mktemp("model"), *overrides))


@pytest.fixture(scope="module")
def path(run):
    return run / "checkpoints" / "last.ckpt"


def test_model_loads_in_a_fresh_process_with_torch_alone(path, run):
    code = f"""
        import json, sys
        import interpolants
        x = interpolants.load({str(path)!r}).sample(32, seed=0).x
        found = [name for name in {_FREE_OF} if name in sys.modules]
        print(json.dumps([found, x.tolist()]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found, x = json.loads(done.stdout)
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
        assert torch.equal(weights["raw"][name], content["state_dict"][f"fields.{name}"])
    assert any(not torch.equal(p, weights["raw"][name]) for name, p in weights["ema"].items())


def test_model_default_weights_are_the_averages(path):
    x = interpolants.load(path).sample(8).x
    assert torch.equal(x, interpolants.load(path, weights="ema").sample(8).x)
    assert not torch.equal(x, interpolants.load(path, weights="raw").sample(8).x)


def test_model_without_averages_says_to_take_the_last_weights(path, tmp_path):
    content = torch.load(path, weights_only=True)
    del content["ema"]
    torch.save(content, tmp_path / "bare.ckpt")
    with pytest.raises(ValueError, match=r"^load\.weights: expected .*; pass weights='raw'$"):
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
    from interpolants.solver.euler_maruyama import EulerMaruyama

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
_NOTEBOOK_TEST = f"""
import sys
import torch
from interpolants import MLP, Fields, LinearInterpolant, Sampler, VelocityObjective
torch.manual_seed(0)
{_NOTEBOOK}
assert not [name for name in {_FREE_OF} if name in sys.modules]
print(samples.x.mean().item(), samples.x.std().item())
"""


def test_model_is_ten_statements_in_a_notebook_without_hydra_and_lightning():
    assert sum(isinstance(node, ast.stmt) for node in ast.walk(ast.parse(_NOTEBOOK))) <= 10
    done = subprocess.run(
        [sys.executable, "-c", _NOTEBOOK_TEST], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    mean, std = map(float, done.stdout.split())
    assert abs(mean - 3) < 0.15 and abs(std - 0.5) < 0.1
