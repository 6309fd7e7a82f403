"""One stem names the module, the yaml and the class of every part."""

import ast

import pytest
from compose import ROOT
from conf_files import load_yaml

# Package: its conf group, if it has one, and the suffix of its class names, if they have one.
_FAMILIES = {
    "gamma": ("interpolant/gamma", "gamma"),
    "base": ("base", "base"),
    "coupling": ("coupling", "coupling"),
    "interpolant": ("interpolant", "interpolant"),
    "objective": ("objective", "objective"),
    "net": ("net", ""),
    "data": ("data", ""),
    "metric": ("metric", ""),
    "schedule": (None, "schedule"),  # interpolant/*.yaml nest them
    "process": (None, ""),  # sampler/*.yaml name processes
    "optimizer": (None, ""),  # optimizer/*.yaml name those of torch too
    "epsilon": ("sampler/epsilon", "epsilon"),
    "solver": ("sampler/solver", ""),
    "space": ("space", "space"),
    "grid": ("sampler/grid", "grid"),
    "mode": ("sampler/mode", ""),
    "noise": ("sampler/noise", "noise"),
    "likelihood": ("likelihood", "likelihood"),
    "divergence": ("likelihood/divergence", "divergence"),
    "time_sampler": ("time_sampler", "time"),
    "weight": ("weight", "weight"),
    "driver": ("neural_sde/driver", ""),
    "encoder": ("neural_sde/encoder", "encoder"),
    "decoder": ("neural_sde/decoder", "decoder"),
    "start": ("neural_sde/start", "start"),
    "drift": ("neural_sde/drift", "drift"),
    "diffusion": ("neural_sde/diffusion", "diffusion"),
    "control": ("neural_sde/control", "control"),
    "guidance": ("guidance", "guidance"),
    "features": ("features", "features"),
    "output": ("output", "output"),
}
# Packages and conf groups without the other.
_OTHER_PACKAGES = {"plot", "testing", "training"}
_OTHER_GROUPS = {
    "experiment",
    "hydra",
    "hydra/launcher",
    "logger",
    "model",
    "neural_sde/solver",
    "optimizer",
    "run",
    "sampler",
    "scheduler",
    "task",
    "trainer",
}

# Leaves of a package with a group that have no yaml, and why none can be written.
_NO_YAML = {
    "base.callable",  # takes a function
    "data.standard_set",  # where sets are looked for
    "driver.exact_fractional_brownian",  # draws whole paths; drives nothing
    "driver.geometric_speeds",  # a part of a driver, as the four below
    "driver.hurst",
    "driver.mandelbrot_van_ness",
    "driver.matched_speeds",
    "driver.riemann_liouville",
    "control.steering",  # what calls a control, not one
    "interpolant.custom",  # takes functions
    "noise.coupled",  # takes tensors
    "objective.explicit_score",  # takes fields
    "noise.given",  # takes tensors
    "net.embedding",  # a part of the nets, not a net, as the next eight
    "net.downsample",
    "net.label_embedding",
    "net.map_attention",
    "net.residual_block",
    "net.rotary_positions",
    "net.stage",
    "net.transformer_block",
    "net.upsample",
    "solver.driven_euler",  # in neural_sde/solver: solves no process of a sampler
    "solver.driven_heun",  # likewise
    "solver.linear_gaussian",  # solves what the samplers that name it have
    "space.positive_map",  # a part of the log space, not a space
}


def table_faults(root):
    """Packages and conf groups that are in no table, and those of the tables that are missing."""
    groups = {group for group, _ in _FAMILIES.values() if group}
    conf, package = root / "conf", root / "interpolants"
    there = {f"conf/{p.parent.relative_to(conf).as_posix()}" for p in conf.rglob("*/*.yaml")}
    there |= {f"interpolants/{p.parent.name}" for p in package.glob("*/*.py")}
    listed = {f"conf/{group}" for group in groups | _OTHER_GROUPS}
    listed |= {f"interpolants/{name}" for name in {*_FAMILIES, *_OTHER_PACKAGES}}
    return [f"{name}: in no table" for name in sorted(there - listed)] + [
        f"{name}: not there" for name in sorted(listed - there)
    ]


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


def leaf_faults(root):
    """Leaves that are not final, share a file, or are not named after it."""
    faults = []
    for package, (_, suffix) in _FAMILIES.items():
        paths = sorted((root / "interpolants" / package).glob("*.py"))
        parents = {
            name
            for path in paths
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ClassDef)
            for name in _names(node.bases)
        }
        for path in paths:
            classes = _public_classes(path)
            leaves = [c for c in classes if c.name not in parents and not _is_abstract(c)]
            where = f"{package}.{path.stem}"
            faults += [
                f"{where}.{c.name}: not @final"
                for c in leaves
                if path.stem != "base" and "final" not in _names(c.decorator_list)
            ]
            finals = [c.name for c in classes if "final" in _names(c.decorator_list)]
            if len(finals) > 1:
                faults.append(f"{where}: more than one final class")
            if where not in _NO_YAML:
                faults += [
                    f"{where}.{name}: not named after its file"
                    for name in finals
                    if not _is_named(name, path.stem, suffix)
                ]
    return faults


def _is_named(class_name, stem, suffix):
    flat = stem.replace("_", "")
    return class_name.lower() in (flat, flat + suffix)


def _final_modules(root, package):
    for path in sorted((root / "interpolants" / package).glob("*.py")):
        if any("final" in _names(c.decorator_list) for c in _public_classes(path)):
            yield path.stem


def _node(path):
    """What a group's yaml describes: the file, or its only entry where that is a named part."""
    data = load_yaml(path)
    entries = [value for key, value in data.items() if key != "defaults"]
    node = entries[0] if "_target_" not in data and len(entries) == 1 else data
    return node if isinstance(node, dict) else {}


def yaml_faults(root):
    """Yaml files not named after the module that they build, and modules without yaml."""
    faults = []
    for package, (group, suffix) in _FAMILIES.items():
        if group is None:
            continue
        built = set()
        for path in sorted((root / "conf" / group).glob("*.yaml")):
            where = f"{path.parent.relative_to(root / 'conf')}/{path.stem}"
            prefix, _, name = str(_node(path).get("_target_")).rpartition(".")
            home, _, module = prefix.rpartition(".")
            if home != f"interpolants.{package}":
                faults.append(f"{where}: builds {prefix}.{name}, not a part of {package}")
            elif path.stem != module and not path.stem.startswith(f"{module}_"):
                faults.append(f"{where}: builds {module}")
            elif not _is_named(name, module, suffix):
                faults.append(f"{where}: builds {name}")
            built.add(path.stem)
        faults += [
            f"{package}.{stem}: no yaml"
            for stem in _final_modules(root, package)
            if f"{package}.{stem}" not in _NO_YAML and stem not in built
        ]
    return faults


def test_packages_and_groups_are_those_of_the_tables():
    assert table_faults(ROOT) == []


def test_leaf_classes_are_final_and_named_after_their_file():
    assert leaf_faults(ROOT) == []


def test_yaml_files_and_modules_are_named_alike():
    assert yaml_faults(ROOT) == []


def test_list_of_parts_without_yaml_is_current():
    known = {f"{p}.{s}" for p in _FAMILIES for s in _final_modules(ROOT, p)}
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
        "interpolants/grid/helpers.py": "class _Helper: ...\ndef f(): ...",
        "conf/interpolant/linear.yaml": _LINEAR,
        "conf/interpolant/linear_no_gamma.yaml": "defaults: [linear, {override gamma: zero}]",
        "conf/net/mlp.yaml": _MLP,
    }
    _plant(tmp_path, **files)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        ("interpolants/likeness/exact.py", "interpolants/likeness: in no table"),
        ("conf/likeness/exact.yaml", "conf/likeness: in no table"),
        ("conf/objective/weight/power.yaml", "conf/objective/weight: in no table"),
    ],
)
def test_table_check_finds_a_planted_fault(file, fault, tmp_path):
    names = {f"interpolants/{name}/a.py": "" for name in {*_FAMILIES, *_OTHER_PACKAGES}}
    groups = {group for group, _ in _FAMILIES.values() if group} | _OTHER_GROUPS
    _plant(tmp_path, **names | {f"conf/{group}/a.yaml": "" for group in groups})
    assert table_faults(tmp_path) == []
    _plant(tmp_path, **{file: ""})
    assert table_faults(tmp_path) == [fault]
    (tmp_path / "conf/metric/a.yaml").unlink()
    assert table_faults(tmp_path) == [fault, "conf/metric: not there"]


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
        ("conf/net/unet.yaml", _MLP, "net/unet: builds mlp"),
        ("conf/net/mlp.yaml", f"{_MLP}Net", "net/mlp: builds MLPNet"),
        ("conf/net/mlp.yaml", _LINEAR, f"net/mlp: builds {_LINEAR[10:]}, not a part of net"),
        ("conf/net/mlp.yaml", "width: 3", "net/mlp: builds .None, not a part of net"),
    ],
)
def test_name_checks_find_a_planted_fault(file, text, fault, tree):
    _plant(tree, **{file: text})
    assert leaf_faults(tree) + yaml_faults(tree) == [fault]
