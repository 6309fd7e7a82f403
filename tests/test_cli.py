"""Every way to start a script wrongly ends in one sentence, status 1 and nothing written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_YAML = {
    "conf/train.yaml": """
defaults:
  - net: mlp
  - interpolant: linear
  - data: file
  - _self_
  - override hydra/job_logging: none
  - override hydra/hydra_logging: none
seed: 0
traceback: false
hydra:
  output_subdir: null
  run: {dir: .}
  sweep: {dir: sweeps, subdir: "${hydra.job.num}"}
""",
    "conf/net/mlp.yaml": "{_target_: parts.Net, width: 3}",
    "conf/net/residual_mlp.yaml": "{_target_: parts.Net, width: 4}",
    "conf/data/file.yaml": "{_target_: parts.File, path: '???'}",
    "conf/interpolant/linear.yaml": "{defaults: [{gamma: bridge}], _target_: parts.Linear}",
    "conf/interpolant/gamma/bridge.yaml": "{_target_: parts.Gamma, a: 1.0}",
    "bad/net/broken.yaml": "\t_target_: parts.Net",
    "more/net/mine.yaml": "{_target_: parts.Net, width: 7}",
    "clash/net/mlp.yaml": "{_target_: parts.Net, width: 7}",
    "parts.py": """
from interpolants.utils.checks import check_positive
class Net:
    def __init__(self, width): check_positive("Net.width", width)
class Gamma:
    def __init__(self, a): check_positive("Gamma.a", a)
class Linear:
    def __init__(self, gamma): pass
class File:
    def __init__(self, path): open(path).close()
""",
    "train.py": """
import sys
from pathlib import Path
from interpolants.cli.run import run
class SIGTERMException(SystemExit): pass
class NonFiniteLoss(RuntimeError): __module__ = "interpolants.training.module"
def main(cfg):
    from hydra.utils import instantiate
    for name in ("net", "interpolant", "data"):
        instantiate(cfg[name])
    if cfg.seed == 1: raise TypeError("one\\ntwo")
    if cfg.seed == 2: raise RuntimeError("mat1 and mat2")
    if cfg.seed == 3: raise NonFiniteLoss("loss is nan at step 3")
    if cfg.seed == 4: raise SystemExit(7)
    if cfg.seed == 5: raise SIGTERMException
    if cfg.seed == 6: raise KeyboardInterrupt
    if cfg.seed == 7: cfg.sed
    print("width", cfg.net.width)
if __name__ == "__main__":
    try:
        run(main, "train", Path(__file__).parent / "conf")
    finally:
        loaded = {"torch", "lightning", "wandb", "matplotlib"} & set(sys.modules)
        assert not loaded, loaded
""",
    # Runs many command lines in one process: starting Python and Hydra is most of the time.
    "driver.py": """
import contextlib, io, json, sys
from pathlib import Path
import train
for arguments in json.load(sys.stdin):
    sys.argv = ["train.py", *arguments]
    out, err, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            train.run(train.main, "train", Path("conf"))
        except SystemExit as stop:
            status = stop.code
    print(json.dumps([status, out.getvalue(), err.getvalue()]))
""",
}
_GOOD = "data.path=parts.py"
_UNKNOWN = "expected an existing key, got an unknown one"
_UNEXPECTED = "run with traceback=true for all of it"

# Arguments, status, what stderr says.
_CASES = [
    ([_GOOD], 0, ""),
    ([_GOOD, "net=residual_mlp"], 0, ""),
    (["--config-dir", "more", _GOOD, "net=mine"], 0, ""),
    (["--cfg", "job"], 0, ""),
    ([], 1, "data.path: expected a value, got nothing; set data.path=..."),
    (["net.width=-1"], 1, "net: Net.width: expected a number > 0, got -1"),
    (
        ["interpolant.gamma.a=-1"],
        1,
        "interpolant.gamma: Gamma.a: expected a number > 0, got -1",
    ),
    (["data.path=none.csv"], 1, "data: none.csv: No such file or directory"),
    (["net.widht=3"], 1, f"net.widht: {_UNKNOWN}; did you mean net.width?"),
    (["width=3"], 1, f"width: {_UNKNOWN}; did you mean net.width?"),
    (["nett=mlp"], 1, f"nett: {_UNKNOWN}; did you mean net?"),
    (
        ["interpolant/gama=bridge"],
        1,
        f"interpolant/gama: {_UNKNOWN}; did you mean interpolant/gamma?",
    ),
    (["completely=1"], 1, f"completely: {_UNKNOWN}; list all keys with --cfg job"),
    (["net=mpl"], 1, "net: expected one of mlp, residual_mlp, got 'mpl'; did you mean mlp?"),
    (
        ["data.path=a=b"],
        1,
        "data.path=a=b: expected key=value, got mismatched input '=' expecting <EOF>; "
        "quote a value that holds = or other signs: 'key=\"a=b\"'",
    ),
    (
        ["--config-dir", "bad", "net=broken"],
        1,
        "while scanning for the next token; found character '\\t' that cannot start any token; "
        'in "{cwd}/bad/net/broken.yaml", line 1, column 1',
    ),
    (
        ["--config-dir", "clash", _GOOD],
        1,
        "clash/net/mlp.yaml: expected another name than that of {cwd}/conf/net/mlp.yaml, "
        "got 'net/mlp'; rename your file",
    ),
    (["--config-dir", "nowhere"], 1, "Additional config directory '{cwd}/nowhere' not found"),
    (["+net.depth=3"], 1, f"net.depth: {_UNKNOWN}; did you mean net.width?"),
    (
        ["net._target_=parts.Nte"],
        1,
        "net: expected an importable _target_, got 'parts.Nte'; "
        "No module named 'parts.Nte'; 'parts' is not a package",
    ),
    ([_GOOD, "seed=1"], 1, f"unexpected TypeError: one; two; {_UNEXPECTED}"),
    ([_GOOD, "seed=2"], 1, f"unexpected RuntimeError: mat1 and mat2; {_UNEXPECTED}"),
    ([_GOOD, "seed=3"], 1, "loss is nan at step 3"),
    ([_GOOD, "seed=4"], 7, ""),
    ([_GOOD, "seed=5"], 143, ""),
    ([_GOOD, "seed=6"], 1, ""),
    # The code of a part asks for a key: nothing is misspelt on the command line.
    (
        [_GOOD, "seed=7"],
        1,
        f"unexpected ConfigAttributeError: Key 'sed' is not in struct; {_UNEXPECTED}",
    ),
]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    for name, text in _YAML.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def _python(folder, *arguments, stdin="", **environment):
    # Nothing beside the scripts may appear in the folder, so no byte code either.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
    )


def _files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


@pytest.fixture(scope="module")
def step_losses(app):
    before = _files(app)
    cases = [arguments for arguments, _, _ in _CASES]
    done = _python(app, "driver.py", stdin=json.dumps(cases))
    assert done.returncode == 0, done.stderr
    assert _files(app) == before
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    "case", range(len(_CASES)), ids=[" ".join(a) or "no arguments" for a, _, _ in _CASES]
)
def test_cli_says_one_sentence_and_exits(case, step_losses, app):
    _, status, sentence = _CASES[case]
    got_status, _, stderr = step_losses[case]
    sentence = sentence.format(cwd=app.resolve())
    assert stderr == (f"error: {sentence}\n" if sentence else "")
    assert got_status == status


def test_cli_overrides_and_groups_outside_the_tree_reach_main(step_losses):
    assert [out for _, out, _ in step_losses[:3]] == ["width 3\n", "width 4\n", "width 7\n"]


@pytest.mark.parametrize("argument", ["--help", "net.widht=1"])
def test_cli_answers_without_loading_anything_heavy(argument, app):
    before = _files(app)
    done = _python(app, "train.py", argument)
    assert done.returncode == (0 if argument == "--help" else 1), done.stderr
    assert "Traceback" not in done.stderr
    assert _files(app) == before


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["net.width=-1", "traceback=true"], {}), (["net.width=-1"], {"HYDRA_FULL_ERROR": "1"})],
)
def test_cli_shows_the_traceback_where_asked(arguments, environment, app):
    done = _python(app, "train.py", *arguments, **environment)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("error: net: Net.width: expected a number > 0, got -1\n")


def test_cli_runs_every_job_of_a_sweep_and_fails_if_one_failed(app):
    before = _files(app)
    done = _python(app, "train.py", "-m", "net.width=-1,2", _GOOD)
    assert done.returncode == 1
    assert done.stdout == "width 2\n"
    sentence = "net: Net.width: expected a number > 0, got -1"
    assert f"error: job 0 (net.width=-1): {sentence}" in done.stderr
    assert done.stderr.endswith(f"error: {sentence}\n")
    assert "Traceback" not in done.stderr
    new = {"sweeps", "sweeps/multirun.yaml", "sweeps/0", "sweeps/1"}
    assert set(_files(app)) - set(before) == new


def test_cli_leaves_the_environment_as_it_was(monkeypatch):
    from interpolants.cli.run import run

    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    monkeypatch.setattr(sys, "argv", ["train.py", "--bogus"])
    with pytest.raises(SystemExit):
        run(lambda cfg: None, "train", Path("conf"))
    assert "HYDRA_FULL_ERROR" not in os.environ
