"""The user's own yaml files beside those of the package."""

import re

import pytest
from helpers.compose import CONF

from interpolants.cli.conf import check_names, conf_folder, user_folders
from interpolants.cli.run import run


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _composed(*arguments):
    """Steps and name of the run that a job of `train` gets."""
    seen = []
    run(lambda cfg: seen.append((cfg.max_steps, cfg.name)), "train", conf_folder(), arguments)
    return seen[0]


def test_conf_of_the_repository_is_its_own():
    assert conf_folder() == CONF


def test_conf_of_the_user_is_found_in_the_working_folder_and_where_config_dir_says(tmp_path):
    folder, other = tmp_path / "conf", tmp_path / "other"
    for path in (folder, other):
        path.mkdir()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(tmp_path)
        assert [f.resolve() for f in user_folders(CONF, [])] == [folder]
        for words in (["-cd", "other"], ["--config-dir=other"], ["a=1", "--config-dir", "other"]):
            assert [f.resolve() for f in user_folders(CONF, words)] == [folder, other]
        assert user_folders(folder, []) == []


def test_conf_of_the_user_takes_part_in_composition(tmp_path, monkeypatch):
    mine = "# @package _global_\ndefaults:\n  - override /data: moons\nmax_steps: 7\n"
    _write(tmp_path / "conf/experiment/mine.yaml", mine)
    _write(tmp_path / "other/experiment/yours.yaml", "# @package _global_\nmax_steps: 8\n")
    monkeypatch.chdir(tmp_path)
    assert _composed("experiment=mine", "--config-dir", "other") == (7, "moons")
    assert _composed("experiment=yours", "-cd", "other") == (8, "checkerboard")
    assert _composed("experiment=mine", "max_steps=9") == (9, "moons")


def test_conf_of_the_user_with_a_name_of_ours_is_refused(tmp_path, monkeypatch, capsys):
    _write(tmp_path / "conf/net/mlp.yaml", "a: 1\n")
    monkeypatch.chdir(tmp_path)
    for arguments in ([], ["--help"], ["--cfg", "job"]):
        with pytest.raises(SystemExit) as stop:
            run(lambda cfg: None, "train", CONF, arguments)
        assert stop.value.code == 1
        out, err = capsys.readouterr()
        rule = f"expected another name than that of {CONF / 'net' / 'mlp.yaml'}, got 'net/mlp'"
        assert (out, err) == ("", f"error: conf/net/mlp.yaml: {rule}; rename your file\n")


def test_conf_that_is_a_copy_of_ours_is_no_fault(tmp_path):
    _write(tmp_path / "net/mlp.yaml", (CONF / "net" / "mlp.yaml").read_text())
    check_names(CONF, [tmp_path])
    _write(tmp_path / "net/mlp.yaml", (CONF / "net" / "mlp.yaml").read_text() + "more: 1\n")
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / "net" / "mlp.yaml"))):
        check_names(CONF, [tmp_path])
