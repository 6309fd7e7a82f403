"""The shape of the tree: imports go to lower rooms or stay in a room; exports are light."""

import ast

import pytest
from helpers.compose import ROOT

# Rooms of the package from below; a room imports from those above it in this list, and itself.
_LAYERS = [
    "utils",
    "interpolant net optimizer plot space",
    "driver",
    "data",
    "base coupling metric",
    "fields",
    "objective sampler",
    "likelihood testing",
    "model",
    "report",
    "neural_sde flow_map diagnostic",
    "task",
    "checkpoint",
    "training",
    "cli __init__",
    "__main__ train sample",
]
_LAYER = {name: i for i, names in enumerate(_LAYERS) for name in names.split()}

# Imports inside one layer: who, from whom. At most three.
_SIDEWAYS: set[tuple[str, str]] = set()

# Entries of the package that are not rooms.
_NO_ROOMS = {"__init__.py", "__init__.pyi", "__main__.py"}
_NO_ROOMS |= {"cli", "conf", "py.typed", "__pycache__"}
_MOST_ROOMS = 24

# Packages that only some parts may import, anywhere in a file.
_CONFINED = {
    "lightning": {"training"},
    "pytorch_lightning": {"training"},
    "hydra": {"cli"},
    "omegaconf": {"cli"},
    "matplotlib": {"plot", "training"},
    "wandb": set(),
}


def _sources(root):
    for path in sorted((root / "interpolants").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        yield path, parts[1], ".".join(parts).removesuffix(".__init__")
    for script in ("train", "sample"):
        if (root / f"{script}.py").exists():
            yield root / f"{script}.py", script, script


def _imports(path, module):
    """Absolute names of what a file imports, wherever in the file."""
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            source = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            # `from interpolants import x` names a module, or what the package exports.
            yield from (f"{source}.{alias.name}" for alias in node.names)


def _part(name, root):
    """First component below the package; `__init__` for what the package itself exports."""
    part = name.split(".")[1] if "." in name else "__init__"
    folder = root / "interpolants"
    return part if (folder / part).is_dir() or (folder / f"{part}.py").is_file() else "__init__"


def layer_faults(root):
    """Every import below `root` that the table forbids, as `module: reason`."""
    faults = []
    for path, part, module in _sources(root):
        if part not in _LAYER:
            faults.append(f"{module}: in no layer")
            continue
        for name in _imports(path, module):
            top = name.partition(".")[0]
            if top in _CONFINED and part not in _CONFINED[top]:
                faults.append(f"{module}: imports {top}")
            if top == "interpolants":
                other = _part(name, root)
                is_below = _LAYER.get(other, len(_LAYERS)) < _LAYER[part]
                if not (is_below or other == part or (part, other) in _SIDEWAYS):
                    faults.append(f"{module}: imports {name}")
    return faults


def _module_imports(root):
    """The modules that each module of the package imports when it is imported itself."""
    files = {module: path for path, _, module in _sources(root) if "." in module}
    found = {}
    for module, path in files.items():
        tree = ast.parse(path.read_text())
        top = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
        names = {f"{n.module}" for n in top if isinstance(n, ast.ImportFrom)}
        names |= {
            f"{n.module}.{a.name}" for n in top if isinstance(n, ast.ImportFrom) for a in n.names
        }
        found[module] = {name for name in names if name in files and name != module}
    return found


def _cycle(imports):
    """Modules that import each other, or nothing."""
    left = dict(imports)
    while free := [m for m, names in left.items() if not names & left.keys()]:
        for module in free:
            del left[module]
    return sorted(left)


def test_layers_hold():
    assert layer_faults(ROOT) == []
    assert len(_SIDEWAYS) <= 3


def test_layers_have_no_cycle_of_modules_within_a_room():
    assert _cycle(_module_imports(ROOT)) == []
    assert _cycle({"a": {"b"}, "b": {"a"}, "c": set()}) == ["a", "b"]


def test_package_has_few_rooms():
    rooms = {path.name for path in (ROOT / "interpolants").iterdir()} - _NO_ROOMS
    assert len(rooms) <= _MOST_ROOMS


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("space/a.py", "from interpolants.fields.f import F", "imports interpolants.fields.f.F"),
        ("space/a.py", "import interpolants.fields.f", "imports interpolants.fields.f"),
        ("space/a.py", "from interpolants import fields", "imports interpolants.fields"),
        ("space/a.py", "from interpolants import Fields", "imports interpolants.Fields"),
        ("space/a.py", "from ..fields.f import F", "imports interpolants.fields.f.F"),
        ("space/a.py", "from .. import fields", "imports interpolants.fields"),
        ("space/a.py", "def f():\n    import interpolants.fields", "imports interpolants.fields"),
        (
            "space/a.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
            "    from interpolants.fields.f import F",
            "imports interpolants.fields.f.F",
        ),
        ("space/__init__.py", "from ..fields.f import F", "imports interpolants.fields.f.F"),
        ("space/a.py", "from interpolants.net.b import B", "imports interpolants.net.b.B"),
        ("space/a.py", "import interpolants.unknown", "imports interpolants.unknown"),
        ("mystery.py", "", "in no layer"),
        ("net/b.py", "import lightning.pytorch as pl", "imports lightning"),
        ("net/b.py", "def f():\n    from pytorch_lightning import x", "imports pytorch_lightning"),
        ("training/a.py", "from hydra.utils import instantiate", "imports hydra"),
        ("training/a.py", "import omegaconf", "imports omegaconf"),
        ("training/a.py", "import wandb", "imports wandb"),
        ("cli/a.py", "from wandb import init", "imports wandb"),
        ("__main__.py", "import hydra", "imports hydra"),
        ("../train.py", "from hydra import main", "imports hydra"),
        ("metric/a.py", "import matplotlib.pyplot", "imports matplotlib"),
        ("../train.py", "import wandb", "imports wandb"),
    ],
)
def test_layer_check_finds_a_planted_fault(file, text, fault, tmp_path):
    clean = {
        "fields/f.py": "from interpolants.space.c import C\nimport torch",
        "space/c.py": "from interpolants.space import d\nfrom . import d\nfrom .d import D",
        "space/d.py": "from interpolants.utils.checks import check",
        "net/b.py": "",
        "utils/checks.py": "",
        "training/module.py": "import lightning, matplotlib\nfrom interpolants import fields",
        "cli/run.py": "import hydra",
        "__main__.py": "from interpolants.cli.run import run",
        "../train.py": "from interpolants.cli.run import run",
    }
    for name, content in clean.items():
        _write(tmp_path / "interpolants" / name, content)
    assert layer_faults(tmp_path) == []
    _write(tmp_path / "interpolants" / file, text)
    (found,) = layer_faults(tmp_path)
    assert found.endswith(f": {fault}")


def _write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
