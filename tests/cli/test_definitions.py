"""Definitions are found in source files, through imports, and nothing is imported."""

import ast
import subprocess
import sys

import pytest
from helpers.compose import ROOT

from interpolants.cli.definitions import find, is_module


@pytest.mark.parametrize(
    ("target", "module"),
    [
        ("interpolants.net.mlp.MLP", "interpolants.net.mlp"),
        (
            "interpolants.training.scheduler.cosine.cosine",
            "interpolants.training.scheduler.cosine",
        ),
        ("interpolants.interpolant.gamma.ZeroGamma", "interpolants.interpolant.gamma.zero"),
        ("interpolants.net.mlp.FieldNetwork", "interpolants.net.field_network"),
        ("interpolants.model.request.SamplerFactory", "interpolants.model.request"),
        ("torch.optim.Adam", "torch.optim.adam"),
        ("lightning.pytorch.Trainer", "lightning.pytorch.trainer.trainer"),
    ],
)
def test_definitions_are_found_where_they_are(target, module):
    found = find(target)
    assert found.module == module
    is_value = isinstance(found.node, ast.expr)
    assert is_value == target.endswith("SamplerFactory")
    assert is_value or found.node.name == target.rpartition(".")[2]


@pytest.mark.parametrize(
    "target", ["nothing.Here", "interpolants.net.mlp.Nothing", "builtins.open", "os", ""]
)
def test_definitions_that_are_nowhere_are_none(target):
    assert find(target) is None


def test_imports_that_lead_back_to_themselves_define_nothing(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    files = {
        "loop/__init__.py": "from loop import part\nfrom . import other as same\n",
        "loop/part.py": "from loop.other import Ring\nfrom loop.part import Lone\n",
        "loop/other.py": "from loop.part import Ring\nfrom loop import same as other\n",
        "star/__init__.py": "from star.part import *\n",
        "star/part.py": "def part(): ...\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for name in ("part", "same", "part.Ring", "other.Ring", "part.Lone", "other.other"):
        assert find(f"loop.{name}") is None, name
    assert is_module("loop.part")
    assert not is_module("loop.part.Ring")
    assert not is_module("star.part")
    assert is_module("torch.optim.lr_scheduler")
    assert not is_module("torch.optim.lr_scheduler.StepLR")
    assert not is_module("interpolants.net.MLP")


def test_definitions_follow_relative_imports_and_branches(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    files = {
        "parcel/__init__.py": "from .inner import Part as Renamed\n",
        "parcel/inner.py": "if True:\n    from .deep.part import Part\n",
        "parcel/deep/__init__.py": "raise RuntimeError('imported')\n",
        "parcel/deep/part.py": "from ...nowhere import Lost\nclass Part: ...\n",
        "broken.py": "def :\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert find("parcel.Renamed").module == "parcel.deep.part"
    assert find("parcel.Part") is None
    assert find("parcel.deep.part.Lost") is None
    assert find("broken.Part") is None


def test_definitions_import_nothing():
    program = (
        "import sys; from interpolants.cli.arguments import arguments\n"
        "assert arguments('torch.optim.Adam') and arguments('lightning.pytorch.Trainer')\n"
        "assert arguments('interpolants.net.mlp.MLP')\n"
        "assert not {'torch', 'lightning', 'numpy', 'hydra'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
