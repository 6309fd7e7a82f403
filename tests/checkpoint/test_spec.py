"""Specs in checkpoints build classes of the package, and nothing else."""

import contextlib
import functools
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import pytest
from helpers.hostile import IMPORTABLE, MODULES, Hostile, call, plant

from interpolants.checkpoint import spec as specs
from interpolants.utils.checks import check_positive
from interpolants.utils.plain import OUTSIDE


class _Family:
    """The family of the parts, and that of no part."""


_Family.__module__ = "interpolants.probe.base"
_Sizes = Sequence[_Family | float | Sequence[float | None]]


class _Part(_Family):
    def __init__(
        self,
        *,
        a: float = 1.0,
        label: str | bool | None = None,
        sizes: _Sizes = (),
        inner: _Family | None = None,
        free=None,
        other: Annotated[_Family | None, OUTSIDE] = None,
    ):
        check_positive("Part.a", a)
        self.a, self.label, self.sizes, self.inner = a, label, sizes, inner
        self.free, self.other = free, other


def build(spec, kind=_Family, **options):
    return specs.build(spec, kind, **options)


@pytest.fixture(autouse=True)
def probe(monkeypatch):
    """A module of the package that defines Part, and holds what it should not give away."""
    import os
    import pathlib
    import subprocess

    module = types.ModuleType("interpolants.probe.part")
    home = {"__module__": module.__name__}
    part = type("Part", (_Part,), home | {"__qualname__": "Part"})
    inner = type("Inner", (_Part,), home | {"__qualname__": "Part.Inner"})
    stranger = type("Stranger", (), home | {"__qualname__": "Stranger"})
    vars(module).update(Part=part, Inner=inner, Stranger=stranger, os=os, run=subprocess.run)
    vars(module).update(Path=pathlib.Path, write=_write)
    package = types.ModuleType("interpolants.probe")
    package.part = module
    monkeypatch.setitem(sys.modules, package.__name__, package)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def _write(path):
    Path(path).write_text("pwned")


_write.__module__ = "interpolants.probe.part"
_PART = "interpolants.probe.part.Part"


def test_build_makes_nested_objects_with_their_arguments(probe):
    spec = {
        "_target_": _PART,
        "a": 2,
        "label": "x",
        "sizes": [1, (2.5, None)],
        "inner": {"_target_": _PART, "label": True},
    }
    part = build(spec)
    assert type(part) is probe.Part
    assert (part.a, part.label, part.sizes) == (2, "x", [1, (2.5, None)])
    assert (type(part.inner), part.inner.label) == (probe.Part, True)


def test_build_gives_a_partial_where_asked(probe):
    make = build({"_target_": _PART, "_partial_": True, "a": 3.0}, Callable[..., _Family])
    assert isinstance(make, functools.partial)
    assert make.func is probe.Part
    assert make(label="y").a == 3.0


def test_build_prefixes_a_constructor_error_with_the_key_path():
    spec = {"_target_": _PART, "sizes": [{"_target_": _PART, "inner": {"_target_": _PART}}]}
    spec["sizes"][0]["inner"]["a"] = -1
    with pytest.raises(ValueError, match=r"^sizes\[0\]\.inner: Part\.a: expected a number > 0"):
        build(spec)
    with pytest.raises(ValueError, match=r"^inner\.b: expected an argument of Part, got 'b'"):
        build({"_target_": _PART, "inner": {"_target_": _PART, "b": 1}})


def test_build_makes_the_package_s_own_parts():
    from interpolants.interpolant.base import Interpolant
    from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
    from interpolants.interpolant.linear import LinearInterpolant

    gamma = {
        "_target_": "interpolants.interpolant.gamma.brownian_bridge.BrownianBridgeGamma",
        "a": 2.0,
    }
    spec = {"_target_": "interpolants.interpolant.linear.LinearInterpolant", "gamma": gamma}
    assert build(spec, Interpolant) == LinearInterpolant(gamma=BrownianBridgeGamma(a=2.0))
    gamma["a"] = -1
    with pytest.raises(ValueError) as caught:
        build(spec, Interpolant)
    assert str(caught.value) == "gamma: BrownianBridgeGamma.a: expected a number > 0, got -1"


_HOSTILE = [
    *IMPORTABLE,
    Hostile("interpolants.probe.part.os.system", {"command": "touch {folder}/marker"}),
    Hostile("interpolants.probe.part.run", {"args": ["touch", "{folder}/marker"]}),
    Hostile("interpolants.probe.part.write", {"path": "{folder}/marker"}),
    Hostile("interpolants.probe.part.Path", {}, is_live=False),
    Hostile("interpolants.probe.part.Part.__init__", {"a": 1.0}, is_live=False),
    Hostile("interpolants.probe.part.Part.Inner", {}, is_live=False),
    Hostile("interpolants.probe.part.Inner", {}, is_live=False),
]


@pytest.fixture
def marker(tmp_path, monkeypatch):
    """A file that only a call of a hostile target creates."""
    monkeypatch.syspath_prepend(tmp_path)
    yield plant(tmp_path)
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("hostile", _HOSTILE, ids=lambda hostile: repr(hostile.target))
def test_build_refuses_a_hostile_target_by_name_and_without_effect(hostile, tmp_path, marker):
    node = hostile.node(tmp_path)
    for spec, where, kind in (
        (node, "", _Family),
        ({"_target_": _PART, "sizes": [{"_target_": _PART}, node]}, "sizes[1].", _Family),
        (node | {"_partial_": True}, "", Callable[..., _Family]),
    ):
        with pytest.raises(ValueError) as caught:
            build(spec, kind)
        assert str(caught.value).startswith(f"{where}_target_: expected a class defined in inter")
        got = "a list" if isinstance(hostile.target, list) else repr(hostile.target)
        assert f"got {got}" in str(caught.value)
    assert not marker.exists()
    assert not set(MODULES) & set(sys.modules)


@pytest.mark.parametrize(
    "hostile", [h for h in _HOSTILE if h.is_live], ids=lambda hostile: hostile.target
)
def test_hostile_target_has_its_effect_where_it_is_called(hostile, tmp_path, marker):
    with contextlib.suppress(Exception):
        call(hostile.node(tmp_path))
    assert marker.exists()


def test_build_says_how_to_trust_a_module():
    with pytest.raises(ValueError) as caught:
        build({"_target_": _PART, "inner": {"_target_": "os.system"}})
    assert str(caught.value) == (
        "inner._target_: expected a class defined in interpolants.probe, got 'os.system'; "
        "pass trust=['os'] only if you trust the file's author"
    )


_MINE = """
import os
from interpolants.net.field_network import FieldNetwork
from torch import nn
open({marker!r}, "a").write("imported\\n")
class Net(nn.Module):
    def __init__(self, inner: nn.Module = None): super().__init__()
class Other:
    def __init__(self): open({marker!r}, "a").write("built\\n")
def make(): return 1
"""


def test_build_accepts_classes_of_a_trusted_module_and_still_nothing_else(tmp_path, monkeypatch):
    from torch import nn

    package, marker = tmp_path / "mine", tmp_path / "marker"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "net.py").write_text(_MINE.format(marker=str(marker)))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="_target_: expected a class defined in"):
        build({"_target_": "mine.net.Net"}, nn.Module, trust=["min", "mine.net.Net"])
    assert not marker.exists(), "nothing is imported without trust"
    for trust in (["mine"], ["mine.net"]):
        assert type(build({"_target_": "mine.net.Net"}, nn.Module, trust=trust)).__name__ == "Net"
    for target in ("mine.net.make", "mine.net.os.system", "mine.missing.Net", "minefield.Net"):
        with pytest.raises(ValueError, match="_target_: expected a class defined in"):
            build({"_target_": target}, nn.Module, trust=["mine"])
    nested = {"_target_": "mine.net.Net", "inner": {"_target_": "mine.net.Other"}}
    for spec in ({"_target_": "mine.net.Other"}, nested):
        with pytest.raises(ValueError, match=r"_target_: expected a class of the family Module"):
            build(spec, nn.Module, trust=["mine"])
    assert marker.read_text() == "imported\n", "a class of another family is never built"
    with pytest.raises(ValueError, match=r"build\.trust: expected a list"):
        build({"_target_": "mine.net.Net"}, nn.Module, trust="mine")
    for name in ("mine", "mine.net"):
        sys.modules.pop(name, None)


def test_build_refuses_parts_of_other_families_before_any_is_built(monkeypatch, probe):
    monkeypatch.setattr(probe.Stranger, "__init__", lambda self: pytest.fail("built"))
    stranger = {"_target_": "interpolants.probe.part.Stranger"}
    with pytest.raises(ValueError, match=r"^inner\._target_: expected a class of the family _Fam"):
        build({"_target_": _PART, "inner": stranger})
    gamma = {"_target_": "interpolants.interpolant.gamma.zero.ZeroGamma"}
    with pytest.raises(ValueError, match=r"expected a class defined in interpolants\.probe, got"):
        build({"_target_": _PART, "inner": gamma})
    with pytest.raises(
        ValueError, match=r"^free\._target_: expected no class, since none is decl"
    ):
        build({"_target_": _PART, "free": {"_target_": _PART}})


def test_build_leaves_out_what_comes_from_outside_unless_its_family_is_asked_for(probe):
    for other in ({"_target_": _PART, "a": 2.0}, {"_target_": "os.system"}, "anything", 3):
        assert build({"_target_": _PART, "other": other}).other is None
    spec = {"_target_": _PART, "other": {"_target_": _PART, "a": 2.0}}
    assert build(spec, outside=[_Family]).other.a == 2.0


def test_check_spec_refuses_what_build_does_and_calls_nothing(monkeypatch, probe):
    calls = []
    monkeypatch.setattr(probe.Part, "__new__", lambda cls, **_: calls.append(cls))
    specs.check_spec({"_target_": _PART, "inner": {"_target_": _PART}}, _Family)
    for bad in ({"_target_": "os.system"}, {"_target_": _PART, "a": "x"}, 3):
        with pytest.raises(ValueError):
            specs.check_spec(bad, _Family)
    assert calls == []


@pytest.mark.parametrize(
    ("entry", "where"),
    [
        ({"_args_": [1]}, "_args_: expected an argument of Part"),
        ({"_recursive_": False}, "_recursive_: expected an argument of Part"),
        ({"_convert_": "all"}, "_convert_: expected an argument of Part"),
        ({"a.b": 1}, "a.b: expected an argument of Part"),
        ({1: 1}, "1: expected an argument of Part"),
        ({"x\ny": 1}, "'x\\ny': expected an argument of Part"),
        ({"_partial_": 1}, "_partial_: expected false, got 1"),
        ({"_partial_": True}, "_partial_: expected false, got True"),
        ({"label": "${oc.env:HOME}"}, "label: expected a plain value"),
        ({"a": "x"}, "a: expected a finite number, got 'x'"),
        ({"a": float("nan")}, "a: expected a finite number, got nan"),
        ({"a": True}, "a: expected a finite number, got True"),
        ({"inner": 3}, "inner: expected a _Family or null, got 3"),
        ({"inner": [3]}, "inner: expected a _Family or null, got a list"),
        ({"label": 3}, "label: expected a string or true or false or null, got 3"),
        ({"label": b"x"}, "label: expected a string or"),
        ({"label": {1, 2}}, "label: expected a string or"),
        ({"label": print}, "label: expected a string or"),
        ({"label": Path("x")}, "label: expected a string or"),
        ({"sizes": [1, object()]}, "sizes[1]: expected a"),
        ({"inner": {"a": 1}}, "inner: expected a dict with _target_, got ['a']"),
    ],
)
def test_build_refuses_what_is_not_plain_data_by_its_path(entry, where):
    with pytest.raises(ValueError) as caught:
        build({"_target_": _PART, **entry})
    assert str(caught.value).startswith(where)


def test_spec_needs_no_torch():
    import subprocess

    code = "import sys, interpolants.checkpoint.spec; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
