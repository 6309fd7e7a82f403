"""`--help` lists every setting with the comment that stands beside it in the yaml file."""

import pytest
import yaml
from helpers.compose import CONF

from interpolants.cli.help import entries, help_text

# What only Hydra reads, and the keys that stay when metric=[] and callbacks=[].
_HIDDEN = {"hydra", "_self_", "metric", "callbacks"}


def _keys(path):
    """Choices and settings of a yaml file, as yaml has them."""
    data = yaml.safe_load(path.read_text())
    chosen = {
        key.lstrip("/")
        for entry in data.pop("defaults")
        for key in (entry if isinstance(entry, dict) else {entry})
    }
    return chosen - {"hydra", "_self_"}, data.keys() - _HIDDEN


def uncommented(path):
    """Choices and settings without a comment."""
    return [entry.text for found in entries(path) for entry in found if not entry.comment]


@pytest.mark.parametrize("name", ["train", "sample", "score", "translate"])
def test_help_has_every_setting_and_choice_with_its_comment(name):
    path = CONF / f"{name}.yaml"
    found = [{entry.text.partition("=")[0] for entry in part} for part in entries(path)]
    assert tuple(found) == _keys(path)
    assert uncommented(path) == []
    text = help_text(name, [CONF])
    for entry in (entry for part in entries(path) for entry in part):
        assert any(
            line.split() == f"{entry.text} {entry.comment}".split() for line in _lines(text)
        )


def _lines(text):
    return text.splitlines()


def test_help_check_finds_a_setting_without_a_comment(tmp_path):
    path = tmp_path / "train.yaml"
    path.write_text("defaults:\n  - net: mlp # a network\n  - task: one\n\na: 1 # first\nb: 2\n")
    assert uncommented(path) == ["task=one", "b=2"]


def test_help_of_training_has_the_settings_of_every_task():
    text = help_text("train", [CONF])
    for task, setting in {"interpolant": "label_dropout=", "neural_sde": "neural_sde="}.items():
        assert f"\n  {setting}" in text.partition(f"With task={task}:")[2]


def test_help_lists_the_groups_that_a_command_takes_and_those_of_the_user(tmp_path):
    for name in ("sampler/mine", "own/part"):
        path = tmp_path / f"{name}.yaml"
        path.parent.mkdir()
        path.write_text("a: 1\n")
    text = help_text("sample", [CONF, tmp_path])
    options = {line.split(":")[0].strip() for line in _lines(text) if line.startswith("  ")}
    assert {"sampler", "sampler/solver", "output", "own"} <= options
    assert not {"net", "trainer", "experiment"} & options
    assert "\n  features:" in text and "\n  features:" not in help_text("score", [CONF])
    assert " mine " in text.partition("\n  sampler:")[2].partition("\n  sampler/")[0]
