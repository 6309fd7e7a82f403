"""Group and stem of a yaml are the last two names of the module of the class that it builds."""

import ast
from pathlib import Path

import pytest
from helpers.compose import ROOT
from helpers.conf_files import load_yaml

# Several yamls of one class, by its module: each is a choice of its arguments.
_PRESETS = {
    "base.dataset": {"base/dataset_target"},
    "data.moving_digits": {"data/moving_digits_small"},
    "data.time_series": {
        "data/time_series_nile",
        "data/time_series_sp500_absolute_return",
        "data/time_series_sp500_parkinson",
        "data/time_series_sp500_price",
        "data/time_series_vix",
    },
    "objective.consistency": {"objective/consistency_distillation"},
    "objective.lagrangian": {"objective/lagrangian_distillation"},
    "objective.semigroup": {"objective/semigroup_distillation"},
    "net.torch_module": {"net/diffusers_unet"},
    "net.unet": {"net/unet_cifar10", "net/unet_digits", "net/unet_mnist"},
    "sampler.sampler": {
        "sampler/ambient_annealed",
        "sampler/ambient_euler",
        "sampler/ambient_milstein",
        "sampler/ancestral",
        "sampler/backward",
        "sampler/dale_langevin",
        "sampler/dale_langevin_annealed",
        *("sampler/flow_map", "sampler/flow_map_sde"),
        "sampler/fractional_ancestral",
        "sampler/fractional_bridge",
        "sampler/fractional_flow",
        "sampler/fractional_sde",
        "sampler/ode",
        "sampler/ode_backward",
        "sampler/sde",
    },
}
# Yamls that build no class: they choose among others.
_COMPOSITIONS = {"debug", "experiment", "hparams_search", "hydra", "hydra/launcher"}
_EMPTY = {"logger/csv", "logger/none"}

# Ends of class names, where they are not their group's name.
_NO_SUFFIX = {
    *("callbacks", "data", "driver", "metric", "mode", "net", "neural_sde", "optimizer"),
    *("process", "sampler", "scheduler", "solver"),
}
_SUFFIX = {"time_sampler": "time"}

# Packages whose leaves are parts that a configuration names, though not by a group of their own.
_NESTED = {"interpolant.schedule", "likelihood.process", "sampler.process"}

_PARTS_OF_NETS = (
    *("embedding", "gap_embedding", "guidance_embedding", "label_embedding", "rotary_positions"),
    *("downsample", "upsample", "map_attention", "residual_block", "stage", "transformer_block"),
)

# Leaves of a package with a group that have no yaml, and why none can be written.
_NO_YAML = {
    "base.callable",  # takes a function
    "data.image_fit",  # a part of the images
    "data.index_split",  # a part of data outside of memory
    "data.arrow_table",  # reads tables, as the three below
    "data.columns",
    "data.csv_table",
    "data.table_rows",
    "data.row_file",  # rows for a trained model
    "data.series_end",  # what follows a time series, as the next
    "data.time_axis",
    "data.labels",  # found in the data
    "data.dataset_source",  # rows of a Dataset
    "data.public_dataset",  # where files are looked for
    "driver.exact_fractional_brownian",  # draws whole paths; drives nothing
    "driver.fractional_noise",  # a part of samplers
    "driver.geometric_speeds",  # a part of a driver, as the four below
    "driver.hurst",
    "driver.mandelbrot_van_ness",
    "driver.matched_speeds",
    "driver.riemann_liouville",
    "neural_sde.control.control_schedule",  # calls a control
    "interpolant.custom",  # takes functions
    "sampler.noise.coupled",  # takes tensors
    "sampler.noise.fixed",  # takes tensors
    "objective.explicit_score",  # takes fields
    "objective.guidance_scales",  # a part of training, as the next
    "objective.learned_weight",
    "objective.teacher",  # a trained run
    *(f"net.{part}" for part in _PARTS_OF_NETS),
    "sampler.solver.linear_gaussian",  # solves what the samplers that name it have
    "space.positive_map",  # a part of the log space, not a space
    "space.scaling",  # fitted on the data
}


def _groups(root):
    """The groups of `conf/` whose yamls build classes, by path."""
    found = {p.parent.relative_to(root / "conf").as_posix() for p in root.glob("conf/*/**/*.yaml")}
    return found - _COMPOSITIONS


def _node(path):
    """What a yaml describes: the file, or its only entry where that is a named part."""
    data = load_yaml(path)
    if "_target_" in data:
        return data
    entries = [value for key, value in data.items() if key != "defaults"]
    node = data.get(path.parent.name, entries[0] if len(entries) == 1 else None)
    return node if isinstance(node, dict) else {}


def yaml_faults(root):
    """Yamls that are not named after the module of the class that they build."""
    faults = []
    for group in sorted(_groups(root)):
        for path in sorted((root / "conf" / group).glob("*.yaml")):
            where = f"{group}/{path.stem}"
            target = str(_node(path).get("_target_"))
            names = target.split(".")
            if where in _EMPTY or names[0] not in ("interpolants", "None"):
                continue
            home = ".".join(names[1:-1])
            presets = {home} if where in _PRESETS.get(home, ()) else set()
            if names[-3:-1] != [path.parent.name, path.stem] and not presets:
                faults.append(f"{where}: builds {target}")
            elif not _is_named(names[-1], names[-2], path.parent.name):
                faults.append(f"{where}: builds {names[-1]}")
    return faults


def preset_faults(root):
    """Presets that are listed and not there."""
    listed = {where for names in _PRESETS.values() for where in names}
    return sorted(where for where in listed if not (root / "conf" / f"{where}.yaml").is_file())


def _families(root):
    """Packages whose modules a group of `conf/` builds, by dotted name: the folder of the group's
    name that is nested deepest."""
    stems = {Path(group).name for group in _groups(root)}
    folders = sorted(p for p in (root / "interpolants").rglob("*") if p.name in stems)
    for folder in folders:
        if folder.is_dir() and folder.name not in ("sampler", "neural_sde", "task"):
            yield ".".join(folder.relative_to(root / "interpolants").parts), folder
    for name in _NESTED:
        folder = root / "interpolants" / name.replace(".", "/")
        if folder.is_dir():
            yield name, folder


def _public_classes(path):
    tree = ast.parse(path.read_text())
    return [n for n in tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_")]


def _names(nodes):
    """Last component of each expression: `typing.final` is `final`."""
    return {ast.unparse(node).rpartition(".")[2] for node in nodes}


def _is_abstract(node):
    methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
    is_interface = any("abstractmethod" in _names(m.decorator_list) for m in methods)
    return is_interface or bool({"ABC", "NamedTuple", "Protocol"} & _names(node.bases))


def _finals(path):
    return [c.name for c in _public_classes(path) if "final" in _names(c.decorator_list)]


def leaf_faults(root):
    """Leaves that are not final, share a file, are not named after it, or have no yaml."""
    faults = []
    built = {path.stem for path in root.glob("conf/*/**/*.yaml")}
    for package, folder in _families(root):
        paths = sorted(folder.glob("*.py"))
        parents = {
            name
            for path in paths
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ClassDef)
            for name in _names(node.bases)
        }
        for path in paths:
            where = f"{package}.{path.stem}"
            leaves = [
                c for c in _public_classes(path) if c.name not in parents and not _is_abstract(c)
            ]
            faults += [
                f"{where}.{c.name}: not @final"
                for c in leaves
                if path.stem != "base" and "final" not in _names(c.decorator_list)
            ]
            finals = _finals(path)
            if len(finals) > 1:
                faults.append(f"{where}: more than one final class")
            if where in _NO_YAML:
                continue
            faults += [
                f"{where}.{name}: not named after its file"
                for name in finals
                if not _is_named(name, path.stem, folder.name)
            ]
            if finals and package not in _NESTED and path.stem not in built:
                faults.append(f"{where}: no yaml")
    return faults


def _is_named(class_name, stem, group):
    suffix = "" if group in _NO_SUFFIX else _SUFFIX.get(group, group)
    flat, suffix = stem.replace("_", ""), suffix.replace("_", "")
    return class_name.lower() in (flat, flat + suffix)


def test_yaml_files_and_modules_are_named_alike():
    assert yaml_faults(ROOT) == []
    assert preset_faults(ROOT) == []


def test_leaf_classes_are_final_and_named_after_their_file():
    assert leaf_faults(ROOT) == []


def test_list_of_parts_without_yaml_is_current():
    known = {f"{n}.{p.stem}" for n, f in _families(ROOT) for p in f.glob("*.py") if _finals(p)}
    assert known >= _NO_YAML


_LEAF = """
import abc
from typing import final
class Interface(abc.ABC): ...
class Middle(Interface): ...
@final
class LinearInterpolant(Middle): ...
"""
_LINEAR = "_target_: interpolants.interpolant.linear.LinearInterpolant"
_MLP = "_target_: interpolants.net.mlp.MLP"


def _plant(root, **files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def tree(tmp_path):
    files = {
        "interpolants/interpolant/linear.py": _LEAF,
        "interpolants/net/mlp.py": "@typing.final\nclass MLP(nn.Module): ...",
        "interpolants/sampler/grid/helpers.py": "class _Helper: ...\ndef f(): ...",
        "conf/interpolant/linear.yaml": _LINEAR,
        "conf/net/mlp.yaml": _MLP,
        "conf/optimizer/adam.yaml": "_target_: torch.optim.Adam",
        "conf/task/some.yaml": "task: {_target_: interpolants.task.some.SomeTask}\nn: 1",
        "conf/net/unet_digits.yaml": "_target_: interpolants.net.unet.UNet",
        "conf/experiment/any.yaml": "n: 1",
    }
    _plant(tmp_path, **files)
    return tmp_path


def test_name_checks_pass_on_a_well_named_tree(tree):
    assert leaf_faults(tree) + yaml_faults(tree) == []


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("interpolants/net/a.py", "class A(nn.Module): ...", "net.a.A: not @final"),
        (
            "interpolants/interpolant/linear.py",
            f"{_LEAF}@final\nclass Linear(Middle): ...",
            "interpolant.linear: more than one final class",
        ),
        ("interpolants/net/mlp.py", "@final\nclass M: ...", "net.mlp.M: not named after its file"),
        ("interpolants/net/a.py", "@final\nclass A: ...", "net.a: no yaml"),
        ("conf/net/unet.yaml", _MLP, f"net/unet: builds {_MLP[10:]}"),
        ("conf/net/mlp_small.yaml", _MLP, f"net/mlp_small: builds {_MLP[10:]}"),
        ("conf/net/mlp.yaml", f"{_MLP}Net", "net/mlp: builds MLPNet"),
        ("conf/net/mlp.yaml", _LINEAR, f"net/mlp: builds {_LINEAR[10:]}"),
        ("conf/net/mlp.yaml", "width: 3", "net/mlp: builds None"),
        ("conf/likeness/exact.yaml", _MLP, f"likeness/exact: builds {_MLP[10:]}"),
        (
            "conf/task/some.yaml",
            "task: {_target_: interpolants.task.other.OtherTask}\nn: 1",
            "task/some: builds interpolants.task.other.OtherTask",
        ),
    ],
)
def test_name_checks_find_a_planted_fault(file, text, fault, tree):
    _plant(tree, **{file: text})
    assert leaf_faults(tree) + yaml_faults(tree) == [fault]
