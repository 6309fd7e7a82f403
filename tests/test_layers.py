"""The shape of the tree: imports go to lower layers or stay in a package; exports are light."""

import ast
from pathlib import Path

import pytest
from compose import ROOT
from scripts import modules_loaded_by

import interpolants

_LAYERS = [
    "shapes checks ranks condition seeds files buffers eval_mode quadrature pixels",
    "integrate mode grid noise gamma base coupling net data metric plot scaling checkpoint spec "
    "space schedule time_sampler runs divergence optimizer driver ema_profiles "
    "start drift diffusion control encoder decoder fractional output features",
    "interpolant epsilon weight observation_times",
    "conversions fields exact given guidance labels preconditioning",
    "objective process",
    "solver building",
    "sampler neural_sde",
    "likelihood series_model",
    "chunks sample_checks",
    "model",
    "loading drawing chunk_files",
    "path_report",
    "report sharding",
    "series_report sharded_report",
    "training testing",
    "cli __init__",
    "train sample",
]
_LAYER = {name: i for i, names in enumerate(_LAYERS) for name in names.split()}

# Imports inside one layer: who, from whom.
_SIDEWAYS = {
    ("base", "data"),
    ("base", "scaling"),
    ("base", "space"),
    ("control", "net"),
    ("drift", "net"),
    ("coupling", "data"),
    ("data", "driver"),
    ("data", "space"),
    ("decoder", "net"),
    ("encoder", "net"),
    ("integrate", "mode"),
    ("integrate", "noise"),
    ("epsilon", "interpolant"),
    ("exact", "fields"),
    ("fields", "conversions"),
    ("fields", "given"),
    ("fields", "guidance"),
    ("fields", "preconditioning"),
    ("fractional", "driver"),
    ("fractional", "schedule"),
    ("features", "data"),
    ("given", "guidance"),
    ("grid", "fractional"),
    ("guidance", "labels"),
    ("metric", "data"),
    ("metric", "features"),
    ("runs", "checkpoint"),
    ("scaling", "space"),
    ("weight", "interpolant"),
}

# Packages that only some parts may import, anywhere in a file.
_CONFINED = {
    "lightning": {"training"},
    "pytorch_lightning": {"training"},
    "hydra": {"cli", "train", "sample"},
    "omegaconf": {"cli", "train", "sample"},
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


def test_layers_hold():
    assert layer_faults(ROOT) == []


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        (
            "gamma/a.py",
            "from interpolants.fields.fields import F",
            "imports interpolants.fields.fields.F",
        ),
        ("gamma/a.py", "import interpolants.fields.fields", "imports interpolants.fields.fields"),
        ("gamma/a.py", "from interpolants import fields", "imports interpolants.fields.fields"),
        ("gamma/a.py", "from interpolants import Fields", "imports interpolants.Fields"),
        ("gamma/a.py", "from ..fields import F", "imports interpolants.fields.fields.F"),
        ("gamma/a.py", "from .. import fields", "imports interpolants.fields.fields"),
        (
            "gamma/a.py",
            "def f():\n    import interpolants.fields.fields",
            "imports interpolants.fields.fields",
        ),
        (
            "gamma/a.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
            "    from interpolants.fields.fields import F",
            "imports interpolants.fields.fields.F",
        ),
        ("gamma/__init__.py", "from ..fields import F", "imports interpolants.fields.fields.F"),
        ("gamma/a.py", "from interpolants.net.b import B", "imports interpolants.net.b.B"),
        ("gamma/a.py", "import interpolants.unknown", "imports interpolants.unknown"),
        ("mystery.py", "", "in no layer"),
        ("net/b.py", "import lightning.pytorch as pl", "imports lightning"),
        ("net/b.py", "def f():\n    from pytorch_lightning import x", "imports pytorch_lightning"),
        ("training/a.py", "from hydra.utils import instantiate", "imports hydra"),
        ("training/a.py", "import omegaconf", "imports omegaconf"),
        ("training/a.py", "import wandb", "imports wandb"),
        ("cli.py", "from wandb import init", "imports wandb"),
        ("metric/a.py", "import matplotlib.pyplot", "imports matplotlib"),
        ("../train.py", "import wandb", "imports wandb"),
    ],
)
def test_layer_check_finds_a_planted_fault(file, text, fault, tmp_path):
    clean = {
        "fields.py": "from interpolants.interpolant.gamma.c import C\nimport torch",
        "gamma/c.py": "from interpolants.interpolant.gamma import d\nfrom . import d\nfrom .d import D",
        "gamma/d.py": "from interpolants.utils.checks import check",
        "net/b.py": "",
        "checks.py": "",
        "training/module.py": "import lightning, matplotlib\nfrom interpolants import fields",
        "cli.py": "import hydra",
        "../train.py": "from interpolants.training.module import M",
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


def test_layer_check_allows_only_the_listed_imports_within_a_layer(tmp_path):
    for name in ("base/a.py", "data/a.py"):
        _write(tmp_path / "interpolants" / name, "")
    _write(tmp_path / "interpolants/base/b.py", "import interpolants.data.a")
    assert layer_faults(tmp_path) == []
    _write(tmp_path / "interpolants/data/b.py", "import interpolants.base.a")
    assert layer_faults(tmp_path) == ["interpolants.data.b: imports interpolants.base.a"]


_HEAVY = {
    "lightning",
    "pytorch_lightning",
    "hydra",
    "omegaconf",
    "wandb",
    "matplotlib",
    "sklearn",
    "scipy",
    "torchdiffeq",
    "torchsde",
}


def test_exports_load_torch_and_nothing_else_heavy():
    assert "torch" not in modules_loaded_by("import interpolants")
    every = "for name in interpolants.__all__: getattr(interpolants, name)"
    loaded = modules_loaded_by(f"import interpolants\n{every}")
    assert "torch" in loaded
    assert loaded & _HEAVY == set()


@pytest.mark.parametrize("name", interpolants.__all__)
def test_export_is_the_object_of_its_module(name):
    value = getattr(interpolants, name)
    home = interpolants._HOMES.get(name)
    if home is not None:
        assert value.__module__ == f"interpolants.{home}"
        # A name that is also a module's would be either, by what was imported first.
        assert _part(f"interpolants.{name}", ROOT) == "__init__"
    assert name in dir(interpolants)


def test_exports_are_listed_alike_for_tools_and_for_python():
    tree = ast.parse(Path(interpolants.__file__).read_text())
    typed = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("interpolants.")
        for alias in node.names
    }
    assert typed == {name: f"interpolants.{home}" for name, home in interpolants._HOMES.items()}
    assert set(interpolants.__all__) == {*typed, "__version__"}


def test_package_refuses_an_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'Feilds'"):
        interpolants.Feilds  # noqa: B018
