"""The command that compares runs."""

import pytest
from helpers.runs import make_run, report_row
from helpers.scripts import modules_loaded_by

from interpolants.cli.runs import main


@pytest.fixture
def folder(tmp_path):
    for seed, value in enumerate((0.3, 0.1)):
        make_run(tmp_path / "outputs" / f"run_{seed}", seed=seed, rows=[report_row(20, value)])
    make_run(tmp_path / "outputs" / "run_2", seed=2)
    return tmp_path


def test_runs_prints_the_table_and_writes_what_is_asked_for(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    main(["sort=mmd", "csv=out/runs.csv", "html=runs.html"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:5]] == ["run", "run_1", "run_0", "run_2", "floor"]
    assert lines[-2:] == ["out/runs.csv", "runs.html"]
    assert (folder / "out" / "runs.csv").read_text().startswith("run,seed,mmd,")
    assert "Runs below outputs" in (folder / "runs.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "runs: expected an existing folder, got 'nowhere'"),
        (["a", "b"], "runs: expected one folder, got"),
        (["--sort"], "--sort: expected a folder or key=value"),
        (["sort="], "sort: expected a value"),
        (["sort=fid"], "sort: expected one of mmd, got 'fid'"),
    ],
)
def test_runs_refuses_other_words(words, message, folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(ValueError, match=message):
        main(words)


def test_runs_loads_no_torch(folder):
    code = f"from interpolants.cli.runs import main; main([{str(folder)!r}])"
    assert not {"torch", "hydra", "matplotlib", "lightning"} & modules_loaded_by(code)
