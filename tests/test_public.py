"""Public names: every family exports its classes, and importing it loads only what is used."""

import ast
import importlib
import pkgutil
import runpy

import pytest
from helpers.compose import ROOT
from helpers.scripts import modules_loaded_by

import interpolants
from interpolants.sampler import solver

_HEAVY = {
    *("lightning", "pytorch_lightning", "hydra", "omegaconf", "wandb", "matplotlib", "sklearn"),
    *("scipy", "torchdiffeq", "torchsde"),
}
# Command-line programs: they export nothing.
_NO_FAMILIES = {"interpolants.cli"}


def _packages():
    """The packages below the root, by dotted name."""
    found = pkgutil.walk_packages(interpolants.__path__, "interpolants.")
    return sorted(m.name for m in found if m.ispkg and m.name not in _NO_FAMILIES)


def _public_classes(package):
    """Name and module of the public classes of a package's own modules."""
    folder = ROOT / package.replace(".", "/")
    for path in sorted(folder.glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield node.name, f"{package}.{path.stem}"


@pytest.mark.parametrize("package", _packages())
def test_family_exports_every_public_class_of_its_modules(package):
    family = importlib.import_module(package)
    for name, module in _public_classes(package):
        value = getattr(family, name)
        assert (value.__module__, value.__qualname__) == (module, name)
        assert name in dir(family) and name in family.__all__
    for name in getattr(family, "__all__", ()):
        # A name that is also a module's would be either, by what was imported first.
        assert importlib.util.find_spec(f"{package}.{name}") is None
        assert getattr(family, name).__doc__ or not callable(getattr(family, name))


def test_index_of_public_names_and_stubs_are_up_to_date():
    files = runpy.run_path(str(ROOT / "docs" / "public_names.py"))["files"]()
    stale = [
        path for path, text in files.items() if not (path.is_file() and path.read_text() == text)
    ]
    assert stale == [], "run python docs/public_names.py"
    assert {*(ROOT / "interpolants").rglob("*.pyi")} <= {*files}


@pytest.mark.parametrize("package", ["interpolants", *_packages()])
def test_type_checkers_see_the_names_that_python_finds(package):
    stub = ROOT / package.replace(".", "/") / "__init__.pyi"
    tree = ast.parse(stub.read_text() if stub.is_file() else "")
    # `import X as X` is what makes a name public in a stub.
    seen = [(a.name, a.asname) for n in tree.body for a in n.names]
    found = getattr(importlib.import_module(package), "__all__", [])
    assert sorted(seen) == [(name, name) for name in found]


def test_common_names_are_exported_from_the_top():
    for name in interpolants.__all__:
        value = getattr(interpolants, name)
        assert name == "__version__" or value.__module__.startswith("interpolants.")
        assert name in dir(interpolants)


def test_class_of_a_new_module_needs_no_entry(tmp_path, monkeypatch):
    (tmp_path / "leap.py").write_text("class Leap: ...\nclass _Hidden: ...\n")
    (tmp_path / "pkg").mkdir()
    text = "from interpolants.utils.lazy import family\n__getattr__, __dir__ = family(__name__)\n"
    (tmp_path / "pkg" / "__init__.py").write_text(text)
    (tmp_path / "leap.py").rename(tmp_path / "pkg" / "leap.py")
    monkeypatch.syspath_prepend(tmp_path)
    pkg = importlib.import_module("pkg")
    assert pkg.Leap.__module__ == "pkg.leap" and pkg.__all__ == ["Leap"]
    with pytest.raises(AttributeError, match="no attribute '_Hidden'"):
        pkg._Hidden  # noqa: B018


def test_package_refuses_an_unknown_name():
    for module, name in ((interpolants, "Feilds"), (solver, "Hoin")):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
            getattr(module, name)


def test_importing_loads_only_what_is_used():
    families = ", ".join(_packages())
    assert "torch" not in modules_loaded_by(f"import interpolants, {families}")
    every = "for name in interpolants.__all__: getattr(interpolants, name)"
    code = f"from interpolants.sampler.solver import Heun\nimport interpolants\n{every}"
    loaded = modules_loaded_by(code)
    assert "torch" in loaded and loaded & _HEAVY == set()
