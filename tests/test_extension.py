"""A part that lives outside the tree is two files, and works from training to sampling."""

import subprocess
import sys

import pytest
from scripts import environment, files_in, run_script, runs_in, train_script

_MODULE = '''
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.gamma.base import Gamma
from interpolants.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.interpolant.base import AffineInterpolant


@final
@dataclass(frozen=True, kw_only=True)
class SquareInterpolant(AffineInterpolant):
    """(1 - t^2) x0 + t^2 x1 + gamma(t) z."""

    gamma: Gamma = BrownianBridgeGamma()

    def alpha_beta(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return 1 - t**2, t**2, -2 * t, 2 * t


def square(gamma):
    return SquareInterpolant(gamma=gamma)
'''
_YAML = """
defaults:
  - gamma: brownian_bridge
  - _self_

_target_: square.SquareInterpolant
"""


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """A module and its yaml outside the tree, and a model trained with them."""
    root = tmp_path_factory.mktemp("outside")
    for name, text in {"ext/square.py": _MODULE, "conf/interpolant/square.yaml": _YAML}.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(text)
    (root / "work").mkdir()
    arguments = ["--config-dir", str(root / "conf"), "interpolant=square"]
    done = train_script(root / "work", *arguments, PYTHONPATH=str(root / "ext"))
    return root, done


def _sample(root, *arguments):
    return run_script("sample", root / "work", "n=64", *arguments, PYTHONPATH=str(root / "ext"))


def test_extension_trains_and_reports_by_its_name_alone(outside):
    root, done = outside
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("metric ")
    (run,) = runs_in(root)
    assert "square.SquareInterpolant" in (run / "config.yaml").read_text()
    assert (run / "samples" / "samples.npz").is_file()


def test_extension_samples_where_its_module_is_trusted(outside):
    root, _ = outside
    done = _sample(root, "trust=[square]", "sampler=sde")
    assert (done.returncode, done.stderr) == (0, "")
    assert "energy_distance" in done.stdout


def test_extension_is_refused_by_name_without_trust(outside):
    root, _ = outside
    before = files_in(root)
    done = _sample(root)
    assert done.returncode == 1
    assert done.stderr == (
        "error: _target_: expected a class defined in interpolants, got "
        "'square.SquareInterpolant'; pass trust=['square'] only if you trust the file's author\n"
    )
    assert files_in(root) == before


def test_extension_that_no_checkpoint_can_name_is_refused_before_training(outside):
    root, _ = outside
    before = files_in(root)
    arguments = ["--config-dir", str(root / "conf"), "interpolant=square"]
    target = "interpolant._target_=square.square"
    done = train_script(root / "work", *arguments, target, PYTHONPATH=str(root / "ext"))
    assert done.returncode == 1
    rule = "expected a class defined in square, got 'square.square'"
    assert done.stderr == f"error: interpolant._target_: {rule}\n"
    assert files_in(root) == before


def test_extension_passes_the_contract_of_its_family(outside):
    root, _ = outside
    code = "from square import *; from interpolants.testing import check_interpolant as check; "
    done = subprocess.run(
        [sys.executable, "-c", code + "check(SquareInterpolant())"],
        env=environment(PYTHONPATH=str(root / "ext")),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
