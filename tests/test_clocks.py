"""No test reads a clock: what holds on an idle machine has to hold on a busy one."""

import ast

from helpers.compose import ROOT

_CLOCKS = {"time", "timeit", "datetime"}
# Waits for conditions; and kills at random moments, whatever they are.
_MAY = {"helpers/waiting.py", "helpers/slurm_cluster.py"}
_MAY |= {"training/test_scale.py", "training/test_kills.py"}


def clock_faults(root):
    """Files of tests that import a clock."""
    faults = []
    for path in sorted((root / "tests").rglob("*.py")):
        name = path.relative_to(root / "tests").as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if _CLOCKS & {each.partition(".")[0] for each in names} and name not in _MAY:
                faults.append(f"{name}:{node.lineno}")
    return faults


def test_clocks_are_read_by_no_test():
    assert clock_faults(ROOT) == []


def test_clock_check_finds_one(tmp_path):
    (tmp_path / "tests").mkdir()
    for name, text in {
        "a": "import time\n",
        "b": "import times\nfrom time import sleep\n",
    }.items():
        (tmp_path / "tests" / f"{name}.py").write_text(text)
    assert clock_faults(tmp_path) == ["a.py:1", "b.py:2"]
