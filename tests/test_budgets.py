"""Files and functions are short."""

import ast

import pytest
from helpers.compose import ROOT

_YAML_LINES, _PYTHON_LINES, _FUNCTION_LINES = 25, 300, 40
# A user reads all settings there, each with a comment.
_EXEMPT = ("train.yaml", "sample.yaml", "score.yaml", "translate.yaml")
_CODE = ("interpolants", "tests", "benchmarks")


def _sources(root):
    yield from sorted(root.glob("*.py"))
    for folder in _CODE:
        yield from sorted((root / folder).rglob("*.py"))


def file_faults(root):
    """Files of more than the agreed number of lines."""
    limits = {path: _PYTHON_LINES for path in _sources(root)}
    exempt = {root / "conf" / name for name in _EXEMPT}
    yamls = sorted(set((root / "conf").rglob("*.yaml")) - exempt)
    limits |= dict.fromkeys(yamls, _YAML_LINES)
    counts = {path: len(path.read_text().splitlines()) for path in limits}
    return [
        f"{path.relative_to(root)}: {counts[path]} lines of {limit}"
        for path, limit in limits.items()
        if counts[path] > limit
    ]


def function_faults(root):
    """Functions of more than the agreed number of lines, not counting their docstrings."""
    return [
        f"{path.relative_to(root)}:{node.lineno} {node.name}: {n} lines of {_FUNCTION_LINES}"
        for path in _sources(root)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (n := _length(node)) > _FUNCTION_LINES
    ]


def _length(function):
    first = function.body[0]
    has_docstring = ast.get_docstring(function, clean=False) is not None
    docstring = first.end_lineno - first.lineno + 1 if has_docstring else 0
    return function.end_lineno - function.lineno + 1 - docstring


def test_files_are_short():
    assert file_faults(ROOT) == []


def test_functions_are_short():
    assert function_faults(ROOT) == []


def _write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


@pytest.mark.parametrize(
    ("file", "limit"),
    [
        ("train.py", 300),
        ("interpolants/net/a.py", 300),
        ("tests/a.py", 300),
        ("benchmarks/a.py", 300),
        ("conf/task/train.yaml", 25),
        ("conf/net/a.yaml", 25),
    ],
)
def test_length_check_finds_a_planted_file(file, limit, tmp_path):
    _write(tmp_path / file, "a: 1\n" * limit)
    assert file_faults(tmp_path) == []
    _write(tmp_path / file, "a: 1\n" * (limit + 1))
    assert file_faults(tmp_path) == [f"{file}: {limit + 1} lines of {limit}"]


def test_length_check_leaves_out_the_two_files_of_all_settings(tmp_path):
    for name in _EXEMPT:
        _write(tmp_path / "conf" / name, "a: 1\n" * 100)
    assert file_faults(tmp_path) == []


_LONG_DOCSTRING = ['    """One line.', "", "    More.", '    """']


@pytest.mark.parametrize("file", ["train.py", "interpolants/net/a.py", "tests/a.py"])
@pytest.mark.parametrize("outer", [[], ["class A:"], ["def g():"]], ids=str)
@pytest.mark.parametrize("docstring", [[], ['    """One."""'], _LONG_DOCSTRING], ids=len)
def test_length_check_finds_a_planted_function(file, outer, docstring, tmp_path):
    def faults(length):
        body = [*docstring, *["    a = 1"] * (length - 3)]
        function = ["@decorated", "def f(", "    a,", "):", *body]
        lines = [*outer, *(("    " if outer else "") + line for line in function)]
        _write(tmp_path / file, "\n".join(lines))
        return [fault for fault in function_faults(tmp_path) if " f: " in fault]

    assert faults(40) == []
    assert faults(41) == [f"{file}:{len(outer) + 2} f: 41 lines of 40"]
