"""A part that lives outside the tree is two files, and works from training to sampling."""

import sys

import pytest
from helpers.compose import TINY
from helpers.readme import blocks
from helpers.scripts import run_here, runs_in

from interpolants.testing import check_interpolant

# The example of the README, below its imports; and a function, which is no part.
_MODULE = f"""
from dataclasses import dataclass
from typing import final

from torch import Tensor

from interpolants.interpolant.gamma.base import Gamma
from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.interpolant.base import AffineInterpolant


{blocks("python")[-1]}

def square():
    return SquareInterpolant()
"""
_YAML = blocks("yaml")[-1].replace("interpolants.interpolant.square.", "square.")


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """A module and its yaml outside the tree, and what the scripts made of them."""
    root = tmp_path_factory.mktemp("outside")
    for name, text in {"ext/square.py": _MODULE, "conf/interpolant/square.yaml": _YAML}.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(text)
    (root / "work").mkdir()
    train = ["train", "--config-dir", str(root / "conf"), "interpolant=square", *TINY]
    lines = {
        "train": train,
        "sample": ["sample", "n=64", "sampler=sde", "trust=[square]"],
        "sample without trust": ["sample", "n=64", "out=refused"],
        "train on a function": [*train, "interpolant._target_=square.square", "run_dir=refused"],
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root / "ext")
        sys.modules.pop("square", None)
        done = run_here(root / "work", list(lines.values()))
    return root, dict(zip(lines, done, strict=True))


def test_extension_trains_and_reports_by_its_name_alone(outside):
    root, done = outside
    assert (done["train"].status, done["train"].complaints) == (0, "")
    assert done["train"].out.startswith("metric ")
    (run,) = runs_in(root)
    assert "square.SquareInterpolant" in (run / "config.yaml").read_text()
    assert (run / "samples" / "samples.npz").is_file()


def _named(root):
    """Line on stderr of a command without `ckpt=`."""
    (run,) = runs_in(root)
    place = run.relative_to(root / "work") / "checkpoints/last.ckpt"
    return f"ckpt: {place}, of the run that trained last\n"


def test_extension_samples_where_its_module_is_trusted(outside):
    root, done = outside
    assert (done["sample"].status, done["sample"].err) == (0, _named(root))
    assert "energy_distance" in done["sample"].out


def test_extension_is_refused_by_name_without_trust(outside):
    root, done = outside
    assert done["sample without trust"] == (
        1,
        "",
        f"{_named(root)}error: interpolant._target_: expected a class defined in "
        "interpolants.interpolant, got 'square.SquareInterpolant'; pass trust=['square'] only if "
        "you trust the file's author\n",
    )
    assert not (root / "work" / "refused").exists()


def test_extension_that_no_checkpoint_can_name_is_refused_before_training(outside):
    root, done = outside
    rule = "expected a class defined in square, got 'square.square'"
    assert done["train on a function"] == (1, "", f"error: interpolant._target_: {rule}\n")
    assert not (root / "work" / "refused").exists()


def test_extension_passes_the_contract_of_its_family(outside, monkeypatch):
    root, _ = outside
    monkeypatch.syspath_prepend(root / "ext")
    from square import SquareInterpolant

    check_interpolant(SquareInterpolant())
