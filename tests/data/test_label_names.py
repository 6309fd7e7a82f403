"""One contract of labels: names are kept, classes are asked for by them, and odd ones are said."""

import io
from contextlib import redirect_stderr
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.compose import TINY, leave_out_figures, sample_with, train_with
from helpers.same_run import assert_same_run

import interpolants
from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST
from interpolants.data.cifar10 import CIFAR10
from interpolants.data.fashion_mnist import FashionMNIST
from interpolants.data.file import File
from interpolants.data.finite import FiniteData
from interpolants.data.labels import Labels
from interpolants.data.table import Table
from interpolants.model import table_of

_PETS = Labels(frequencies=(0.25, 0.5, 0.25), names=("cat", "dog", "eel"), columns=("pet",))
_KINDS = Labels(frequencies=(0.25, 0.5, 0.25), names=("1", "2", "3.5"))


@pytest.mark.parametrize(
    ("labels", "label", "expected"),
    [
        (_PETS, "dog", 1),
        (_PETS, ["eel", "cat"], [2, 0]),
        (_PETS, np.array(["eel", "cat"]), [2, 0]),
        (_PETS, 2, 2),
        (_PETS, torch.tensor([2, 0]), [2, 0]),
        (_KINDS, 1, 0),
        (_KINDS, "2", 1),
        (_KINDS, 3.5, 2),
        (_KINDS, 2.0, 1),
        (_KINDS, np.array([2, 1]), [1, 0]),
        (_KINDS, torch.tensor(2), 2),
        (Labels(frequencies=(0.5, 0.5), names=("false", "true")), True, 1),
        (Labels(frequencies=(0.5, 0.5), names=("False", "True")), False, 0),
        (Labels(frequencies=(0.5, 0.5)), 1, 1),
    ],
)
def test_classes_are_asked_for_by_name_or_by_number_where_no_name_is_one(labels, label, expected):
    single = isinstance(expected, int)
    n = 2 if not single else 3
    assert labels.expanded(label, n).tolist() == ([expected] * n if single else expected)
    one = labels.one(label)
    assert one is None if not single else one.item() == expected


@pytest.mark.parametrize(
    ("labels", "label", "message"),
    [
        (_PETS, "dgo", r"one of cat, dog, eel, got 'dgo'; did you mean 'dog'\?"),
        (_PETS, 3, "one of cat, dog, eel, got 3"),
        (_PETS, -1, "one of cat, dog, eel, got -1"),
        (_KINDS, 0, "one of 1, 2, 3.5, got 0"),
        (Labels(frequencies=(0.5, 0.5)), "dog", "classes 0 to 1, got 'dog'"),
        (Labels(frequencies=(0.5, 0.5)), True, "classes 0 to 1, got True"),
        (Labels(size=2), "dog", "a vector of 2 numbers, got 'dog'"),
        (_PETS, ["dog"], r"one, or 3 of them, got \['dog'\]"),
    ],
)
def test_unknown_classes_are_refused_with_the_names_there_are(labels, label, message):
    with pytest.raises(ValueError, match=rf"^Model\.sample\.label: expected {message}"):
        labels.expanded(label, 3)


def test_names_that_are_no_names_of_the_classes_are_refused():
    for names in (("cat",), ("cat", "cat")):
        with pytest.raises(ValueError, match=r"Labels\.names: expected 2 different names"):
            Labels(frequencies=(0.5, 0.5), names=names)


def test_mapping_is_one_line():
    assert _PETS.mapping() == "classes of pet: 0 is 'cat', 1 is 'dog', 2 is 'eel'"
    assert Labels(frequencies=(1.0,)).mapping() == ""
    many = Labels(frequencies=(0.01,) * 100, names=tuple(map(str, range(100))))
    assert many.mapping().endswith("9 is '9', and 90 more")


@pytest.mark.parametrize(("count", "warns"), [(50, True), (26, True), (25, False), (2, False)])
def test_classes_that_are_as_many_as_rows_are_said(count, warns, recwarn):
    Labels.of(torch.arange(50) % count, 0.1)
    said = [str(line.message) for line in recwarn]
    assert len(said) == warns
    if warns:
        assert said[0].startswith(f"label: {count} classes for 50 training rows")


def test_every_source_has_the_names_of_its_classes(tmp_path):
    kinds = np.array(["dog", "cat", "dog", "eel"])
    np.savez(tmp_path / "x.npz", x=np.arange(4.0), pet=kinds)
    (tmp_path / "x.csv").write_text("x,pet\n0,dog\n1,cat\n2,dog\n3,eel\n")
    for name in ("x.npz", "x.csv"):
        data = File(path=str(tmp_path / name), label="pet")
        assert data.classes == ("cat", "dog", "eel") and data.label_columns == ("pet",)
    data = FiniteData(torch.arange(8.0).view(4, 2), kinds)
    assert data.classes == ("cat", "dog", "eel")
    assert data.labels().shape == (3,) and data.num_classes == 3
    assert Table(name="iris").classes == ("setosa", "versicolor", "virginica")
    assert Table(name="wine").table.names[0] == "alcohol"
    assert len(set(FashionMNIST.classes)) == len(set(CIFAR10.classes)) == 10
    kinds[1] = ""
    with pytest.raises(ValueError, match=r"FiniteData\.label: expected a label in row 1, counted"):
        FiniteData(torch.arange(8.0).view(4, 2), kinds)
    np.savez(tmp_path / "x.npz", x=np.arange(4.0), pet=kinds)
    with pytest.raises(
        ValueError, match=r"File\.label: expected a label in row 1, counted from 0"
    ):
        File(path=str(tmp_path / "x.npz"), label="pet")
    np.savez(tmp_path / "x.npz", x=np.arange(4.0), pet=np.array([1, 2, np.nan, 1]))
    with pytest.raises(
        ValueError, match=r"File\.label: expected a label in row 2, counted from 0"
    ):
        File(path=str(tmp_path / "x.npz"), label="pet")


_RUN = ["data=file", "data.path=rows.csv", "data.label=pet", "data.categorical=[colour]"]
_RUN += ["data.integer=[age]", "data.missing=drop", "label_dropout=0.1", "metric=[]"]
_RUN += ["scheduler=constant"]
_COLOURS = ("red", "green", "blue")


def _write(path):
    draw = np.random.default_rng(0)
    lines = ["age;colour;weight;pet"]
    for k in range(100):
        pet = ("dog", "cat")[k % 2]
        age = draw.integers(1, 9)
        lines.append(f"{age};{_COLOURS[k % 3]};{draw.normal():.4f};{pet}")
    path.write_text("\n".join([*lines, "3;;0.5;dog"]))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run on a table, and one of the same that was interrupted."""
    folder = tmp_path_factory.mktemp("table")
    with pytest.MonkeyPatch.context() as patch:
        leave_out_figures(patch)
        patch.chdir(folder)
        _write(folder / "rows.csv")
        with pytest.warns(UserWarning, match="dropped 1 of 101 rows"):
            with redirect_stderr(io.StringIO()) as said:
                train_with(folder, *TINY, *_RUN, "run_dir=whole")
        (folder / "said.txt").write_text(said.getvalue())
        for steps in (2, 4):
            words = [f"max_steps={steps}", "run_dir=parts", "resume=auto"]
            with pytest.warns(UserWarning, match="dropped 1 of 101 rows"):
                train_with(folder, *TINY, *_RUN, *words)
    return folder / "whole", folder / "parts"


def test_run_on_a_table_that_was_interrupted_is_the_same_to_the_bit(runs):
    whole, parts = runs
    assert_same_run(parts, whole)


def test_names_of_columns_and_classes_are_in_the_checkpoint(runs):
    config = read_checkpoint(runs[0] / LAST)["hyper_parameters"]["config"]
    assert config["labels"]["names"] == ["cat", "dog"] and config["labels"]["columns"] == ["pet"]
    assert config["columns"] == {
        "names": ["age", "colour", "weight"],
        "integer": ["age"],
        "categorical": ["colour"],
        "categories": [["blue", "green", "red"]],
    }


def test_checkpoint_with_columns_of_other_samples_is_refused(runs, tmp_path):
    content = torch.load(runs[0] / LAST, weights_only=True)
    columns = content["hyper_parameters"]["config"]["columns"]
    columns["categories"][0].append("grey")
    torch.save(content, tmp_path / "x.ckpt")
    with pytest.raises(ValueError, match=r"columns for samples of shape \(5,\), got 6"):
        interpolants.load(tmp_path / "x.ckpt")
    columns["categories"] = [["blue"] * 3]
    torch.save(content, tmp_path / "x.ckpt")
    with pytest.raises(ValueError, match=r"different categories for each categorical column"):
        interpolants.load(tmp_path / "x.ckpt")


def test_loaded_model_samples_by_name_and_gives_a_table(runs):
    model = interpolants.load(runs[0] / LAST)
    drawn = model.sample(20, label="dog")
    assert drawn.label.tolist() == [1] * 20
    assert torch.equal(drawn.x, model.sample(20, label=torch.tensor(1)).x)
    assert not torch.equal(drawn.x, model.sample(20, label="cat").x)
    assert torch.equal(drawn.x, model.columns.rounded(drawn.x))
    table = table_of(model, drawn)
    assert list(table) == ["age", "colour", "weight", "pet"]
    assert set(table["colour"]) <= set(_COLOURS) and set(table["pet"]) == {"dog"}
    assert table["age"].dtype == np.int64 and table["weight"].dtype == np.float32
    model.columns = None
    assert list(table_of(model, drawn)) == [*(f"x{k}" for k in range(drawn.x.shape[1])), "pet"]
    with pytest.raises(ValueError, match=r"table_of\.samples: expected rows of numbers"):
        table_of(model, replace(drawn, x=drawn.x[:, :, None]))


def test_sample_command_takes_names_and_reports_them(runs, monkeypatch, capsys):
    leave_out_figures(monkeypatch)
    monkeypatch.chdir(runs[0])
    words = [f"ckpt={runs[0] / LAST}", "n=16"]
    with pytest.warns(UserWarning, match="dropped 1 of 101 rows"):
        sample_with(*words, "label=dog", "metric=energy_distance", "stem=dogs")
    assert "classes of pet: 0 is 'cat', 1 is 'dog'" in capsys.readouterr().out
    assert (np.load(runs[0] / "samples" / "dogs.npz")["label"] == 1).all()
    with pytest.raises(ValueError, match=r"label: expected one of cat, dog, got 'dgo'; did you"):
        sample_with(*words, "label=dgo", "metric=[]")


def test_mapping_is_printed_when_training_starts(runs):
    said = (runs[0].parent / "said.txt").read_text()
    assert said.count("classes of pet: 0 is 'cat', 1 is 'dog'") == 1
