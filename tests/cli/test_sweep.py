"""Jobs of a sweep are named by what differs, and compared at its end."""

from types import SimpleNamespace

import pytest
from helpers.runs import make_run, report_row

from interpolants.cli.stem import file_name
from interpolants.cli.sweep import CompareRuns, with_short_names

_KEYS = "hydra.job.config.override_dirname.exclude_keys"


def test_only_what_differs_names_the_jobs_of_a_sweep():
    words = ["-m", "seed=0,1", "net.hidden=range(1,3)", "data=moons", "+x@y=2", "a.b=[1,2]"]
    assert with_short_names(words) == [*words, f"{_KEYS}=['data','+x@y','a.b']"]
    assert with_short_names(words[1:]) == words[1:]


def test_file_names_need_no_quotes_on_a_command_line():
    assert file_name("3_data.path=/a b/c,seed=1") == "3_data.path_a_b_c_seed_1"


def test_a_sweep_ends_with_a_table_of_its_runs(tmp_path, capsys):
    config = SimpleNamespace(hydra=SimpleNamespace(sweep=SimpleNamespace(dir=str(tmp_path))))
    make_run(tmp_path / "0_seed_0", seed=0, rows=[report_row(20, 0.1)])
    CompareRuns().on_multirun_end(config)
    assert capsys.readouterr().out == ""  # a single run has said all
    make_run(tmp_path / "1_seed_1", seed=1, rows=[report_row(20, 0.3)])
    CompareRuns().on_multirun_end(config)
    out = capsys.readouterr().out
    assert out.startswith(f"\n{tmp_path}\nrun ") and "0.2 +- 0.14" in out


def test_a_sweep_without_runs_says_so(tmp_path):
    config = SimpleNamespace(hydra=SimpleNamespace(sweep=SimpleNamespace(dir=str(tmp_path))))
    with pytest.warns(UserWarning, match="expected trained runs below"):
        CompareRuns().on_multirun_end(config)
