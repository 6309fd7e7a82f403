"""The code of README.md runs, and its command lines name settings that exist."""

import re

import pytest
from helpers.compose import config_of, leave_out_figures, run_folder, train_with
from helpers.readme import blocks, command_lines
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf


def _small(code):
    """The code with its thousands of steps and samples cut to a few."""
    return re.sub(r"\b\d+_000\b", "8", code)


def test_readme_code_runs(tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    ckpt = run_folder(train_with(tmp_path, "metric=[]")) / "checkpoints" / "last.ckpt"
    notebook, diffusion, loading = blocks("python")[:3]
    names = {}
    exec(_small(notebook), names)
    assert names["samples"].x.shape == (8, 2)
    flow = names["samples"].x
    exec(_small(diffusion), names)
    assert names["samples"].x.shape == flow.shape
    assert (names["samples"].x != flow).all()
    loading, count = re.subn(r'"outputs/[^"]*\.ckpt"', repr(str(ckpt)), loading)
    assert count == 1
    exec(_small(loading), names)
    assert names["x"].shape == (8, 2)


def test_readme_has_command_lines_of_both_scripts():
    scripts = [script for script, *_ in command_lines()]
    assert scripts.count("train") > 15 and scripts.count("sample") > 5


def _jobs(arguments):
    """The overrides of each job of a sweep, or of the only one."""
    jobs = [[]]
    for override in OverridesParser.create().parse_overrides(arguments):
        words = [override.input_line]
        if override.is_sweep_override():
            key = override.get_key_element()
            words = [f"{key}={choice}" for choice in override.sweep_string_iterator()]
        jobs = [[*job, word] for job in jobs for word in words]
    return jobs


@pytest.mark.parametrize("line", command_lines(), ids=" ".join)
def test_readme_command_line_composes(line, tmp_path):
    script, *arguments = (re.sub("<.*?>", "x", word) for word in line)
    searched = []
    if "--config-dir" in arguments:
        where = arguments.index("--config-dir")
        folder = tmp_path / arguments.pop(where + 1) / "interpolant"
        folder.mkdir(parents=True)
        (folder / "square.yaml").write_text(blocks("yaml")[0])
        searched = [f"hydra.searchpath=[file://{folder.parent}]"]
        arguments.pop(where)
    jobs = _jobs([word for word in arguments if word != "-m"])
    assert ("-m" in arguments) == (len(jobs) > 1)
    for job in jobs:
        cfg = config_of(*job, *searched, name=script)
        OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)


def test_readme_command_line_with_a_wrong_setting_would_be_found(tmp_path):
    with pytest.raises(Exception, match=r"(?s)interpolant/squared.*Available options"):
        test_readme_command_line_composes(("train", "interpolant=squared"), tmp_path)
    with pytest.raises(Exception, match="Could not override 'max_step'"):
        test_readme_command_line_composes(("train", "max_step=3"), tmp_path)
