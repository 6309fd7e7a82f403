"""Specs in checkpoints build classes of the package, and nothing else."""

import contextlib
import functools
import sys
import types
from pathlib import Path

import pytest
from helpers.hostile import IMPORTABLE, MODULES, Hostile, call, plant

from interpolants.checkpoint.spec import build
from interpolants.utils.checks import check_positive


class _Part:
    def __init__(self, *, a=1.0, label=None, sizes=(), inner=None):
        check_positive("Part.a", a)
        self.a, self.label, self.sizes, self.inner = a, label, sizes, inner


@pytest.fixture(autouse=True)
def probe(monkeypatch):
    """A module `interpolants.probe` that defines Part, and holds what it should not give away."""
    import os
    import pathlib
    import subprocess

    module = types.ModuleType("interpolants.probe")
    part = type("Part", (_Part,), {"__module__": module.__name__, "__qualname__": "Part"})
    inner = type("Inner", (), {"__module__": module.__name__, "__qualname__": "Part.Inner"})
    vars(module).update(
        Part=part, Inner=inner, os=os, run=subprocess.run, Path=pathlib.Path, write=_write
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def _write(path):
    Path(path).write_text("pwned")


_write.__module__ = "interpolants.probe"
_PART = "interpolants.probe.Part"


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
    make = build({"_target_": _PART, "_partial_": True, "a": 3.0})
    assert isinstance(make, functools.partial)
    assert make.func is probe.Part
    assert make(label="y").a == 3.0


def test_build_gives_extra_arguments_to_the_outermost_class_only():
    inner = {"_target_": _PART, "a": 5.0}
    part = build({"_target_": _PART, "a": 3.0, "inner": inner}, a=4.0)
    assert (part.a, part.inner.a) == (4.0, 5.0)


def test_build_prefixes_a_constructor_error_with_the_key_path():
    spec = {"_target_": _PART, "sizes": [{"_target_": _PART, "inner": {"_target_": _PART}}]}
    spec["sizes"][0]["inner"]["a"] = -1
    with pytest.raises(ValueError, match=r"^sizes\[0\]\.inner: Part\.a: expected a number > 0"):
        build(spec)
    with pytest.raises(ValueError, match=r"^inner: .*unexpected keyword argument 'b'"):
        build({"_target_": _PART, "inner": {"_target_": _PART, "b": 1}})


def test_build_makes_the_package_s_own_parts():
    from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
    from interpolants.interpolant.linear import LinearInterpolant

    gamma = {
        "_target_": "interpolants.interpolant.gamma.brownian_bridge.BrownianBridgeGamma",
        "a": 2.0,
    }
    spec = {"_target_": "interpolants.interpolant.linear.LinearInterpolant", "gamma": gamma}
    assert build(spec) == LinearInterpolant(gamma=BrownianBridgeGamma(a=2.0))
    gamma["a"] = -1
    with pytest.raises(ValueError) as caught:
        build(spec)
    assert str(caught.value) == "gamma: BrownianBridgeGamma.a: expected a number > 0, got -1"


_HOSTILE = [
    *IMPORTABLE,
    Hostile("interpolants.probe.os.system", {"command": "touch {folder}/marker"}),
    Hostile("interpolants.probe.run", {"args": ["touch", "{folder}/marker"]}),
    Hostile("interpolants.probe.write", {"path": "{folder}/marker"}),
    Hostile("interpolants.probe.Path", {}, is_live=False),
    Hostile("interpolants.probe.Part.__init__", {"a": 1.0}, is_live=False),
    Hostile("interpolants.probe.Part.Inner", {}, is_live=False),
    Hostile("interpolants.probe.Inner", {}, is_live=False),
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
    for spec, where in (
        (node, ""),
        ({"_target_": _PART, "sizes": [{"_target_": _PART}, node]}, "sizes[1]."),
        (node | {"_partial_": True}, ""),
    ):
        with pytest.raises(ValueError) as caught:
            build(spec)
        assert str(caught.value).startswith(f"{where}_target_: expected a class defined in inter")
        assert f"got {hostile.target!r}" in str(caught.value)
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
        "inner._target_: expected a class defined in interpolants, got 'os.system'; "
        "pass trust=['os'] only if you trust the file's author"
    )


def test_build_accepts_classes_of_a_trusted_module_and_still_nothing_else(tmp_path, monkeypatch):
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "net.py").write_text("import os\nclass Net: pass\ndef make(): return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert type(build({"_target_": "mine.net.Net"}, trust=["mine"])).__name__ == "Net"
    assert type(build({"_target_": "mine.net.Net"}, trust=["mine.net"])).__name__ == "Net"
    for target in ("mine.net.make", "mine.net.os.system", "mine.missing.Net", "minefield.Net"):
        with pytest.raises(ValueError, match="_target_: expected a class defined in"):
            build({"_target_": target}, trust=["mine"])
    with pytest.raises(ValueError, match=r"build\.trust: expected a list"):
        build({"_target_": "mine.net.Net"}, trust="mine")
    for name in ("mine", "mine.net"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("entry", "where"),
    [
        ({"_args_": [1]}, "_args_: expected the name of an argument"),
        ({"_recursive_": False}, "_recursive_: expected the name of an argument"),
        ({"_convert_": "all"}, "_convert_: expected the name of an argument"),
        ({"a.b": 1}, "a.b: expected the name of an argument"),
        ({1: 1}, "1: expected the name of an argument"),
        ({"_partial_": 1}, "_partial_: expected true or false"),
        ({"label": "${oc.env:HOME}"}, "label: expected a plain string"),
        ({"label": b"x"}, "label: expected a number, a string"),
        ({"label": {1, 2}}, "label: expected a number, a string"),
        ({"label": print}, "label: expected a number, a string"),
        ({"label": Path("x")}, "label: expected a number, a string"),
        ({"sizes": [1, object()]}, "sizes[1]: expected a number, a string"),
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
