"""The code of README.md runs, and the command lines of all pages name settings that exist."""

import re
import sys

import pytest
from helpers.compose import CONF, ROOT, TINY, config_of
from helpers.readme import PAGES, README, blocks, command_lines, table_settings
from helpers.scripts import run_here, runs_in
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

_OWN = "interpolant=square"


def _small(code):
    """The code with its thousands of steps and samples cut to a few."""
    return re.sub(r"\b\d+_000\b", "8", code)


def test_readme_fits_two_screens():
    assert len(README.read_text().splitlines()) <= 120


def test_readme_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for code in blocks("python")[:3]:
        exec(_small(code), names)
    assert names["samples"].x.shape == names["diffused"].x.shape == (8, 2)
    assert (names["diffused"].x != names["samples"].x).all()
    assert names["density"].value.shape == (8,)


def test_loop_by_hand_runs():
    (loop,) = (code for code in blocks("python", ROOT / "docs/start.md") if "backward()" in code)
    names = {}
    exec(_small(loop), names)
    assert names["samples"].x.shape == (8, 2)


def test_readme_part_of_ones_own_trains_and_is_loaded_by_name(tmp_path, monkeypatch):
    python, yaml = blocks("python")[3], blocks("yaml")[0]
    (tmp_path / "square.py").write_text(python)
    (tmp_path / "conf/interpolant").mkdir(parents=True)
    (tmp_path / "conf/interpolant/square.yaml").write_text(yaml)
    (line,) = (line for line in command_lines() if _OWN in line)
    sample = ["sample", "n=8"]
    lines = [[*line, *TINY], sample, [*sample, "trust=[square]"]]
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("square", None)
    done, refused, trusted = run_here(tmp_path, lines)
    assert done.status == 0, done.err
    assert "square.SquareInterpolant" in (runs_in(tmp_path)[0] / "config.yaml").read_text()
    assert refused.status and "trust" in refused.err
    assert trusted.status == 0, trusted.err


def test_pages_have_command_lines_of_both_scripts():
    scripts = [script for page in PAGES for script, *_ in command_lines(page)]
    assert scripts.count("train") > 60 and scripts.count("sample") > 20


def _jobs(arguments):
    """The overrides of each job of a sweep, or of the only one."""
    jobs = [[]]
    for override in OverridesParser.create().parse_overrides(arguments):
        words = [override.input_line]
        if override.is_sweep_override():
            key = override.get_key_element()
            words = [f"{key}={choice}" for choice in _choices(override)]
        jobs = [[*job, word] for job in jobs for word in words]
    return jobs


def _choices(override):
    """Values of a sweep; the ends of an interval, from which a search draws."""
    if override.is_interval_sweep():
        return [override.value().start, override.value().end]
    return list(override.sweep_string_iterator())


def _compose(line):
    """Compose each job of a command line."""
    script, *arguments = (re.sub("<.*?>", "x", word) for word in line)
    jobs = _jobs([word for word in arguments if word not in ("-m", "--help")])
    assert ("-m" in arguments) == (len(jobs) > 1)
    for job in jobs:
        cfg = config_of(*job, name=script)
        OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_command_lines_compose(page):
    for line in command_lines(page):
        if not {_OWN, "net=convolutions"} & {*line}:  # yamls that a page shows
            _compose(line)


@pytest.mark.parametrize("settings", table_settings(), ids=" ".join)
def test_readme_table_composes(settings):
    _compose(("train", *settings))


def test_readme_table_names_the_methods():
    assert len(table_settings()) >= 8


def test_pages_command_line_with_a_wrong_setting_would_be_found():
    with pytest.raises(Exception, match=r"(?s)interpolant/squared.*Available options"):
        _compose(("train", "interpolant=squared"))
    with pytest.raises(Exception, match="Could not override 'max_step'"):
        _compose(("train", "max_step=3"))


def test_pages_list_options_that_there_are():
    """A new option is in the settings reference by itself; this page arranges what there is."""
    page = (ROOT / "docs/parts.md").read_text()
    cells = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `")]
    assert len(cells) > 20
    stems = {path.stem for path in CONF.rglob("*.yaml")}
    for group, options in cells:
        names = options.partition("in Python also")[0] if "in Python" in options else options
        listed = set(re.findall(r"`(\w+)`", names))
        assert listed and listed <= stems, group
