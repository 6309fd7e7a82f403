"""The families that a checkpoint may name: none but data opens files, and all are declared."""

import importlib
import inspect
import pkgutil

import pytest

from interpolants.checkpoint.reading import KEYS
from interpolants.checkpoint.spec import _entries, _families, _kinds
from interpolants.data.base import Data
from interpolants.task.interpolant import InterpolantTask
from interpolants.task.neural_sde import NeuralSDETask
from interpolants.utils.plain import OUTSIDE

_OPENS = {"path", "root", "folder", "file", "url", "download"}


def _classes(kind):
    """Classes of the package in a type, and in the entries of its lists."""
    entries = _entries(kind)
    inner = [] if entries is None or entries is kind else _classes(entries)
    return [f for f, _ in _families(kind) if f.__module__.startswith("interpolants.")] + inner


def _members(family):
    """The concrete classes of a family, which are in its package."""
    package = importlib.import_module(family.__module__.rpartition(".")[0])
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    found, left = set(), [family]
    while left:
        cls = left.pop()
        left += cls.__subclasses__()
        if not inspect.isabstract(cls) and cls.__module__.startswith("interpolants."):
            found.add(cls)
    return found


def _arguments():
    """Class, name and type of all arguments that a checkpoint can give, without those of data."""
    kinds = {**KEYS, **InterpolantTask.saved, **NeuralSDETask.saved}
    left = [cls for key, kind in kinds.items() if key != "data" for cls in _classes(kind)]
    seen = set()
    while left:
        family = left.pop()
        if family in seen:
            continue
        seen.add(family)
        for cls in _members(family):
            for name, kind in _kinds(cls)[0].items():
                yield cls, name, kind
                if OUTSIDE not in getattr(kind, "__metadata__", ()):
                    left += _classes(kind)


@pytest.fixture(scope="module")
def arguments():
    return list(_arguments())


def test_families_are_those_of_all_parts(arguments):
    names = {cls.__name__ for cls, _, _ in arguments}
    assert names >= {
        "MLP",
        "UNet",
        "DormandPrince",
        "PerSampleNoise",
        "MatchedSpeeds",
        "PositiveMap",
    }
    assert names >= {"VideoDecoder", "GeometricSchedule", "ExactDivergence", "Labels"}


def test_no_class_that_a_checkpoint_may_name_takes_a_path(arguments):
    assert [
        (c.__name__, n) for c, n, kind in arguments if n in _OPENS or "Path" in str(kind)
    ] == []


def test_data_come_from_outside_wherever_a_part_has_them(arguments):
    taking = {(cls.__name__, n): k for cls, n, k in arguments if Data in _classes(k)}
    assert ("DatasetBase", "data") in taking
    assert all(OUTSIDE in getattr(kind, "__metadata__", ()) for kind in taking.values())
