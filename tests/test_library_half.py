"""Beside torch and numpy alone, as after `pip install --no-deps interpolants`, the library works.

Python sees a folder with torch, numpy, what these require and the package, and no site-packages.
"""

import os
import subprocess
import sys

import pytest
from helpers.compose import ROOT
from helpers.isolated import link_distributions, link_package

# Rooms that need nothing else, without the module that draws.
_ROOMS = (
    *("base", "coupling", "driver", "fields", "interpolant", "likelihood", "model", "net"),
    *("neural_sde", "objective", "optimizer", "sampler", "space", "utils"),
)
_DRAWS = "interpolants.neural_sde.report"
_ABSENT = (
    "hydra",
    "omegaconf",
    "lightning",
    "scipy",
    "matplotlib",
    "torchdiffeq",
    "torchsde",
    "pyarrow",
)
_PROGRAM = """
import torch
import interpolants as si
from functools import partial
from interpolants.likelihood.flow import FlowLikelihood
from interpolants.sampler.solver.stochastic_heun import StochasticHeun

objective = si.VelocityAndDenoiserObjective()
net = si.MLP(event_shape=(2,), heads=2, hidden=16, depth=2)
fields = si.Fields(net=net, interpolant=si.LinearInterpolant(), predicts=objective.predicts)
optimizer = torch.optim.Adam(net.parameters())
for step in range(3):
    t, x0, x1, z = torch.rand(8), *torch.randn(3, 8, 2)
    loss = objective(fields, t, x0, x1, z).total.mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
model = si.Model(fields=fields, event_shape=(2,))
sde = partial(si.Sampler, process=si.ForwardSDE, solver=StochasticHeun(), epsilon=0.5)
for x in (
    model.sample(8, num_steps=4).x,
    model.sample(8, num_steps=64, sampler=sde).x,
    model.log_prob(torch.randn(8, 2), num_steps=4).value,
):
    assert len(x) == 8 and x.isfinite().all()
"""


@pytest.fixture(scope="module")
def isolated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("isolated") / "lib"
    link_distributions(folder, ["torch", "numpy"])
    link_package(folder)
    return folder


def _run(folder, code):
    """A Python that sees the folder and the standard library alone."""
    begin = f"import sys\nsys.path.insert(0, {str(folder)!r})\n"
    command = [sys.executable, "-I", "-S", "-c", begin + code]
    environment = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_library_half_imports_every_module_of_its_rooms_with_torch_and_numpy_alone(isolated):
    code = "import importlib, importlib.util as u, torch, numpy, interpolants\n"
    code += "print(interpolants.__file__)\n"
    code += f"assert not [n for n in {_ABSENT} if u.find_spec(n)]\n"
    files = (path for room in _ROOMS for path in (ROOT / "interpolants" / room).rglob("*.py"))
    parts = (path.relative_to(ROOT).with_suffix("").parts for path in files)
    names = sorted({".".join(part).removesuffix(".__init__") for part in parts} - {_DRAWS})
    assert len(names) > 200
    done = _run(isolated, f"{code}for n in {names}: importlib.import_module(n)")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(str(isolated))


def test_library_half_trains_samples_and_has_densities(isolated):
    done = _run(isolated, _PROGRAM)
    assert (done.returncode, done.stderr) == (0, "")


def test_library_half_check_would_find_a_module_that_needs_more(isolated):
    done = _run(isolated, "import interpolants.training.run")
    assert done.returncode == 1
    assert done.stderr.endswith("No module named 'lightning'\n")
