"""One stem names the module, the yaml and the class of every part; yaml arguments exist."""

import ast
import inspect
from pathlib import Path

import pytest
import yaml
from hydra.utils import get_object

_ROOT = Path(__file__).parent.parent

# Package: its conf groups, and the suffix of its class names where the family has one.
_FAMILIES = {
    "gamma": (["interpolant/gamma"], "gamma"),
    "base": (["base"], "base"),
    "coupling": (["coupling"], "coupling"),
    "interpolant": (["interpolant"], "interpolant"),
    "objective": (["objective"], "objective"),
    "net": (["net"], ""),
    "data": (["data"], ""),
    "metric": (["metric"], ""),
    "process": (["sampler/process", "process"], ""),
    "epsilon": (["sampler/epsilon", "epsilon"], "epsilon"),
    "solver": (["sampler/solver", "solver"], ""),
    "grid": (["sampler/grid", "grid"], "grid"),
    "time_sampler": (["time_sampler", "objective/time_sampler"], "time"),
    "weight": (["weight", "objective/weight"], "weight"),
}

# Leaves without a yaml, and why none can be written.
_NO_YAML = {
    "base.callable",  # takes a function
    "interpolant.custom",  # takes functions
    "process.probability_flow",  # processes have no group: sampler/*.yaml name them
    "process.forward_sde",
    "process.backward_sde",
    "net.embedding",  # a part of the nets, not a net
}


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


def _group_files(root, groups):
    return [path for group in groups for path in sorted((root / "conf" / group).glob("*.yaml"))]


def _load(path):
    """A yaml with what it inherits from its siblings by plain names in its defaults list."""
    own = yaml.safe_load(path.read_text()) or {}
    merged = {"defaults": []}
    for entry in own.get("defaults", []):
        if isinstance(entry, str) and entry != "_self_":
            inherited = _load(path.parent / f"{entry}.yaml")
            merged |= inherited | {"defaults": merged["defaults"] + inherited["defaults"]}
        elif isinstance(entry, dict):
            merged["defaults"].append(entry)
    return merged | own | {"defaults": merged["defaults"]}


def _node(path):
    """What a group's yaml describes: the file, or its only entry where that is a named part."""
    data = _load(path)
    entries = [value for key, value in data.items() if key != "defaults"]
    node = entries[0] if "_target_" not in data and len(entries) == 1 else data
    return node if isinstance(node, dict) else {}


def yaml_faults(root):
    """Yaml files not named after the module that they build, and modules without yaml."""
    faults = []
    for package, (groups, suffix) in _FAMILIES.items():
        built = set()
        for path in _group_files(root, groups):
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


def _composed_keys(node, defaults):
    """Keys of a node, with those that its defaults list puts there."""
    keys = {key for key in node if not key.startswith("_") and key != "defaults"}
    for entry in defaults:
        group = next(iter(entry)).removeprefix("optional ")
        if not group.startswith("override ") and "@_global_" not in group:
            keys.add(group.rpartition("@")[2].rpartition("/")[2])
    return keys


def _nodes(data, path=""):
    if isinstance(data, dict):
        yield from [(path, data)] * ("_target_" in data)
        for key, value in data.items():
            yield from _nodes(value, f"{path}.{key}" if path else str(key))
    elif isinstance(data, list):
        for i, value in enumerate(data):
            yield from _nodes(value, f"{path}[{i}]")


def signature_faults(path):
    """Arguments in a yaml that the target lacks, and required ones that the yaml lacks."""
    data = _load(path)
    faults = []
    for where, node in _nodes(data):
        place = f"{path.parent.name}/{path.stem}" + (f" {where}" if where else "")
        try:
            parameters = inspect.signature(get_object(node["_target_"])).parameters
        except (ImportError, AttributeError, ValueError) as error:
            faults.append(f"{place}: {node['_target_']} not found: {error}")
            continue
        keys = _composed_keys(node, data["defaults"] if node is data else [])
        is_open = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        faults += [f"{place}: no argument {k}" for k in sorted(keys - set(parameters))][
            : 0 if is_open else None
        ]
        required = {
            name
            for name, p in parameters.items()
            if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        }
        if not node.get("_partial_", False):
            faults += [f"{place}: argument {k} not given" for k in sorted(required - keys)]
    return faults


def test_leaf_classes_are_final_and_named_after_their_file():
    assert leaf_faults(_ROOT) == []


def test_yaml_files_and_modules_are_named_alike():
    assert yaml_faults(_ROOT) == []


def test_list_of_parts_without_yaml_is_current():
    known = {f"{p}.{s}" for p in _FAMILIES for s in _final_modules(_ROOT, p)}
    assert known >= _NO_YAML


_CONF = _ROOT / "conf"


@pytest.mark.parametrize(
    "name", sorted(str(p.relative_to(_CONF).with_suffix("")) for p in _CONF.rglob("*.yaml"))
)
def test_yaml_arguments_are_those_of_the_target(name):
    assert signature_faults(_CONF / f"{name}.yaml") == []


_LEAF = """
import abc
from typing import final
class Interface(abc.ABC): ...
class Middle(Interface): ...
@final
class LinearInterpolant(Middle): ...
"""
_LINEAR = "_target_: interpolants.interpolant.linear.LinearInterpolant"
_MONTH = "_target_: calendar.monthrange\nyear: 1"
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


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (f"{_MONTH}\nmonth: 1", []),
        (_MONTH, ["argument month not given"]),
        (f"{_MONTH}\n_partial_: true", []),
        (f"defaults: [{{month: may}}]\n{_MONTH}", []),
        (f"defaults: [{{/x@month: may}}]\n{_MONTH}", []),
        (f"defaults: [{{/x@week: may}}]\n{_MONTH}\nmonth: 1", ["no argument week"]),
        ("defaults: [sibling]\nmonth: 1", []),
        ("defaults: [sibling, {override y: z}]\nday: 1\nmonth: 1", ["no argument day"]),
        ("_target_: textwrap.dedent\ntxet: a\n_partial_: true", ["no argument txet"]),
        ("part: [{_target_: textwrap.dedent}]", ["argument text not given"]),
        ("_target_: textwrap.fill\ntext: a\nanything: 1", []),
        ("_target_: datetime.dtae", ["not found"]),
        ("_target_: no_such_package.Thing", ["not found"]),
    ],
)
def test_signature_check_finds_a_planted_fault(text, faults, tmp_path):
    (tmp_path / "sibling.yaml").write_text(_MONTH)
    (tmp_path / "planted.yaml").write_text(text)
    found = signature_faults(tmp_path / "planted.yaml")
    assert len(found) == len(faults)
    assert all(part in fault for part, fault in zip(faults, found, strict=True))
