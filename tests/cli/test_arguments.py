"""Arguments that are read from sources are those that Python gives."""

import inspect
import re
from enum import Enum
from importlib.util import find_spec

import pytest
import yaml
from helpers.compose import CONF
from hydra.utils import get_object

from interpolants.cli.arguments import arguments
from interpolants.cli.targets import targets

_TARGETS = sorted(
    {
        target
        for path in CONF.rglob("*.yaml")
        for target in targets(yaml.safe_load(path.read_text()))
        # What the user names, and classes of optional packages.
        if target != "???" and find_spec(target.partition(".")[0]) is not None
    }
)


@pytest.mark.parametrize("target", _TARGETS)
def test_arguments_of_every_part_are_those_of_its_signature(target):
    found = arguments(target)
    parameters = inspect.signature(get_object(target)).parameters.values()
    if found is None:  # a class without a constructor of its own
        assert all(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)
        return
    named = {p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    assert set(found.kinds) == named
    assert found.is_open == any(p.kind is p.VAR_KEYWORD for p in parameters)


def test_arguments_of_every_part_take_its_own_defaults():
    """Default values that are plain data are of the kinds of their annotations."""
    for target in _TARGETS:
        parameters = inspect.signature(get_object(target)).parameters
        for name, kind in (found.kinds if (found := arguments(target)) else {}).items():
            value = parameters[name].default
            is_plain = isinstance(value, (bool, int, float, str, type(None)))
            if is_plain and not isinstance(value, Enum):
                kind.check(f"{target}.{name}", value)


_CLASSES = """
from dataclasses import dataclass, field
from typing import ClassVar
from interpolants.interpolant.base import AffineInterpolant
from elsewhere import Unknown
class Plain:
    def __init__(self, a: int, *, b: str = "", **more): ...
class Child(Plain):
    c: float
@dataclass
class Data:
    kind: ClassVar[str]
    x: float
    made: int = field(init=False)
@dataclass
class More(Data):
    y: int = 0
@dataclass
class Open(Unknown):
    y: int = 0
class Empty: ...
"""


def test_arguments_of_a_users_classes(tmp_path, monkeypatch):
    (tmp_path / "users_classes.py").write_text(_CLASSES)
    monkeypatch.syspath_prepend(tmp_path)
    found = {
        name: arguments(f"users_classes.{name}") for name in re.findall(r"class (\w+)", _CLASSES)
    }
    assert set(found["Plain"].kinds) == set(found["Child"].kinds) == {"a", "b"}
    assert found["Plain"].is_open and found["Child"].is_open
    assert set(found["Data"].kinds) == {"x"} and set(found["More"].kinds) == {"x", "y"}
    assert not found["More"].is_open
    # A base of which nothing is known may take more.
    assert found["Open"].is_open
    assert found["Empty"] is None
