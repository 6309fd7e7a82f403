"""The console script."""

import sys

import pytest
from helpers.compose import CONF
from helpers.scripts import modules_loaded_by

from interpolants.cli.main import main, start
from interpolants.cli.run import run


@pytest.mark.parametrize(
    ("arguments", "got"), [([], "nothing"), (["trian", "net=mlp"], "'trian'"), (["-m"], "'-m'")]
)
def test_main_answers_a_wrong_command_in_one_sentence(arguments, got, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["interpolants", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    commands = "one of train, sample, score, translate, runs"
    fix = "list their settings with interpolants train --help"
    error = f"error: interpolants: expected {commands}, got {got}; {fix}\n"
    assert (stop.value.code, *capsys.readouterr()) == (1, "", error)


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["score", "-h"]])
def test_main_helps_without_loading_hydra_or_torch(arguments):
    code = (
        f"import sys; sys.argv[1:] = {arguments}\nfrom interpolants.cli.main import main; main()"
    )
    assert not {"hydra", "omegaconf", "torch", "numpy"} & modules_loaded_by(code)


def test_main_answers_a_wrong_setting_of_a_tool_in_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["interpolants", "runs", "hmtl=a.html"])
    with pytest.raises(SystemExit) as stop:
        main()
    error = "error: hmtl: expected an existing key, got an unknown one; did you mean html?\n"
    assert (stop.value.code, *capsys.readouterr()) == (1, "", error)


def test_main_passes_arguments_on_to_the_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["interpolants", "train", "net.hiden=3"])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err.endswith("; did you mean net.hidden?\n")
    with pytest.raises(SystemExit):
        start("sample", ["seeed=1"])
    assert capsys.readouterr().err.endswith("; did you mean seed?\n")


def test_main_leaves_the_whole_command_line_to_the_job(monkeypatch):
    """Lightning starts further processes by it."""
    words = ["interpolants", "train", "max_steps=3"]
    monkeypatch.setattr(sys, "argv", words)
    seen = []
    run(lambda cfg: seen.append((cfg.max_steps, sys.argv)), "train", CONF, words[2:])
    assert seen == [(3, words)]
    assert sys.argv is words
