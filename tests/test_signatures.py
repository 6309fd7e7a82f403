"""Arguments in yaml files are arguments of what they build."""

import inspect
from importlib.util import find_spec

import pytest
from helpers.compose import CONF
from helpers.conf_files import load_yaml
from hydra.utils import get_object

from interpolants.utils.extras import _EXTRAS


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


def _is_left_open(target):
    """True for a class that the user names, and one of an optional package that is not here."""
    top = target.partition(".")[0]
    return target == "???" or (top in _EXTRAS and find_spec(top) is None)


def signature_faults(path):
    """Arguments in a yaml that the target lacks, and required ones that the yaml lacks."""
    data = load_yaml(path)
    faults = []
    for where, node in _nodes(data):
        if _is_left_open(node["_target_"]):
            continue
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


_NAMES = sorted(str(p.relative_to(CONF).with_suffix("")) for p in CONF.rglob("*.yaml"))


# Launchers inherit from those of Hydra's plugins.
@pytest.mark.parametrize("name", [n for n in _NAMES if not n.startswith("hydra/launcher")])
def test_yaml_arguments_are_those_of_the_target(name):
    assert signature_faults(CONF / f"{name}.yaml") == []


_MONTH = "_target_: calendar.monthrange\nyear: 1"


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
