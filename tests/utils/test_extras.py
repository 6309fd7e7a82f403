"""What is missing is named with the command that installs it."""

import sys
import tomllib

import pytest
from helpers.compose import ROOT, train_with

from interpolants.cli.errors import sentence
from interpolants.utils.extras import _EXTRAS, missing


def test_error_of_a_missing_package_names_its_extra():
    absent = ModuleNotFoundError("No module named 'diffusers'", name="diffusers.models")
    fix = "pip install 'interpolants[diffusers]'"
    assert missing(absent) == f"No module named 'diffusers'; {fix}"
    other = ModuleNotFoundError("No module named 'parts'\nfor developers", name="parts")
    assert missing(other) == "No module named 'parts'"
    assert missing(AttributeError("no diffusers", name="diffusers")) == "no diffusers"


def test_extras_are_those_of_the_distribution():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = (ROOT / "constraints.txt").read_text()
    for package, extra in _EXTRAS.items():
        # MLflow's clients come in a package of their own.
        (name,) = {
            line.partition(">")[0]
            for line in project["optional-dependencies"][extra]
            if line.startswith(package)
        }
        assert f"\n{name}==" in pinned


def test_network_of_a_missing_package_is_refused_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(Exception, match="diffusers") as error:
        train_with(tmp_path, "data=digits", "net=diffusers_unet", sizes=[])
    text = sentence(error.value)
    assert text.startswith("net.module: expected an importable _target_, got 'diffusers.models.")
    assert text.endswith("; pip install 'interpolants[diffusers]'")
    assert not list(tmp_path.iterdir())
