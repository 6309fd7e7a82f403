"""Commands on rows of a file: scores with outliers first, partners, and names that round trip."""

import csv
import importlib
import json

import numpy as np
import pytest
import torch
from helpers.compose import config_of, leave_out_figures, sample_with, train_with

import interpolants as si
from interpolants.checkpoint.runs import LAST
from interpolants.data.file import File
from interpolants.data.pixels import dequantised
from interpolants.model.scores import _NOISE
from interpolants.sampler.sampler import Sampler
from interpolants.utils.seeds import keyed_generator

_NAMES = ("age", "city", "visits", "pet")
_CITIES, _PETS = ("Bonn", "Oslo", 'Rio, "BR"'), ("cat", "dog")
_LABELLED = ["data.label=pet", "label_dropout=0.1"]
_TABLE = ["data=file", "data.categorical=[city]", "data.integer=[visits]", *_LABELLED, "metric=[]"]


def run_command(name, *words):
    """Run a command in this process, and return its value."""
    module = importlib.import_module(f"interpolants.cli.{name}")
    return module.main(config_of(*words, name=name))


def people(n, seed=0):
    """Rows of a table with numbers, categories, whole numbers and classes."""
    random = np.random.default_rng(seed)
    columns = [random.normal(40, 9, n).round(3), random.choice(_CITIES, n)]
    columns += [random.poisson(4, n), random.choice(_PETS, n)]
    return [dict(zip(_NAMES, row, strict=True)) for row in zip(*columns, strict=True)]


def write_rows(path, rows, names=_NAMES):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def read_table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write_array(path, x, header):
    np.savetxt(path, x, "%.7g", delimiter=",", header=header, comments="")
    return str(path)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A table with everything, a pair of tables, and images; trained for a few steps."""
    folder = tmp_path_factory.mktemp("rows")
    random = np.random.default_rng(1)
    paths = {"people": write_rows(folder / "people.csv", people(120))}
    for name, columns in {"a": "u,v", "b": "p,q"}.items():
        paths[name] = write_array(folder / f"{name}.csv", random.normal(size=(60, 2)), columns)
    two = ["data=file", f"data.path={paths['b']}", "base=dataset", "data@base.data=file"]
    two += [f"base.data.path={paths['a']}", "metric=[]"]
    with pytest.MonkeyPatch.context() as patch:
        leave_out_figures(patch)
        table = [*_TABLE, f"data.path={paths['people']}"]
        images = ["data=digits", "metric=[]"]
        for name, words in {"table": table, "two": two, "images": images}.items():
            train_with(folder, *words, f"run_dir={folder / name}")
    return folder


@pytest.fixture
def at(runs, tmp_path, monkeypatch):
    """Runs a command on one of the runs, with files in a new folder."""
    monkeypatch.chdir(tmp_path)
    leave_out_figures(monkeypatch)
    return lambda name, run, *words: run_command(name, f"ckpt={runs / run}", "out=.", *words)


def test_score_puts_ten_planted_outliers_first(tmp_path):
    """Each lies six standard deviations off the plane of correlated columns, or along it."""
    random = np.random.default_rng(0)
    mix = np.array([[1, 0, 0.8, 0.5], [0, 1, 0.6, -0.5], [0, 0, 0.4, 0], [0, 0, 0, 0.4]])
    draw = lambda n: random.normal(size=(n, 4)) @ mix * [1, 10, 0.1, 3] + [0, 50, 1, -7]  # noqa: E731
    names = "a,b,c,d"
    train = write_array(tmp_path / "train.csv", draw(600), names)
    x, places = draw(300), random.choice(300, 10, replace=False)
    far = np.array([[0, 0, 2.4, 0], [0, 0, 0, 2.4], [6, 0, 4.8, 3], [0, -6, -3.6, 3]] * 3)[:10]
    x[places] = x.mean(axis=0) + random.choice([-1, 1], (10, 1)) * far * [1, 10, 0.1, 3]
    new = write_array(tmp_path / "new.csv", x[:, ::-1], names[::-1])
    model = si.fit(File(path=train), "net.hidden=32", max_steps=500, batch_size=128)
    saved = model.save(tmp_path / "saved")
    run_command("score", f"ckpt={saved}", f"data.path={new}", f"out={tmp_path}")
    found = read_table(tmp_path / "new_ode.csv")
    assert {int(row["row"]) for row in found[:10]} == set(places.tolist())
    assert [int(row["rank"]) for row in found] == list(range(1, 301))
    scores = [float(row["log_prob"]) for row in found]
    assert scores == sorted(scores)
    assert float(found[9]["log_prob"]) + float(found[9]["error"]) < float(found[10]["log_prob"])


def test_scores_are_those_of_log_prob_by_name_with_the_change_of_half_the_steps(runs, at):
    rows = people(30, seed=5)
    for row in rows:
        row |= {"visits": "", "id": 7} if row is rows[3] else {"id": 7}
    path = write_rows("new.csv", rows, ("pet", "id", "visits", "age", "city"))
    with pytest.warns(UserWarning, match=r"data\.missing: dropped 1 of 30 rows"):
        mean = at("score", "table", f"data.path={path}", "data.missing=drop", "dequantise=false")
    kept = [row for row in rows if row["visits"] != ""]
    model = si.load(runs / "table")
    hot = np.array([[row["city"] == city for city in _CITIES] for row in kept])
    numbers = [np.array([row[name] for row in kept], float) for name in ("age", "visits")]
    x = torch.tensor(np.column_stack([numbers[0], hot, numbers[1]]))
    label = [row["pet"] for row in kept]
    full = model.log_prob(x, label=label, sampler=Sampler, num_steps=64).value.double()
    half = model.log_prob(x, label=label, sampler=Sampler, num_steps=32).value.double()
    stem = "new_ode_dequantise_false"
    found = {int(row["row"]): row for row in read_table(f"{stem}.csv")}
    assert sorted(found) == [k for k in range(30) if k != 3]
    scores = torch.tensor([float(found[k]["log_prob"]) for k in sorted(found)])
    errors = torch.tensor([float(found[k]["error"]) for k in sorted(found)])
    torch.testing.assert_close(scores.double(), full, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(errors.double(), (full - half).abs(), rtol=1e-3, atol=1e-6)
    assert mean == pytest.approx(float(full.mean()), rel=1e-6)
    assert any("does not read: id" in note for note in json.load(open(f"{stem}.json"))["notes"])


def test_scores_of_whole_numbers_are_means_over_noise_with_its_error(runs, at):
    path = write_rows("new.csv", people(12, seed=6))
    at("score", "table", f"data.path={path}", "draws=3", "output=jsonl", "label=dog", "seed=2")
    found = sorted(map(json.loads, open("new_ode_draws_3_label_dog_seed_2.jsonl")), key=_row)
    model = si.load(runs / "table")
    data = File(path=path, categorical=["city"], integer=["visits"], label="pet")
    x = torch.tensor(np.loadtxt(path, delimiter=",", skiprows=1, usecols=(0,), quotechar='"'))
    assert data.table == model.columns and len(x) == 12
    x = torch.cat([data.train_rows, data.held_out(99, 0).x1])
    x = x[[int((x[:, 0] - age).abs().argmin()) for age in _ages(path)]]
    values = []
    for k in range(3):
        noisy = x.double().clone()
        noisy[:, 4] = dequantised(x.double(), keyed_generator(_NOISE, 2, k))[:, 4]
        drawn = model.log_prob(noisy, label="dog", seed=2 + k, sampler=Sampler, num_steps=64).value
        values.append(drawn.double())
    values = torch.stack(values)
    scores = torch.tensor([row["log_prob"] for row in found], dtype=torch.float64)
    torch.testing.assert_close(scores, values.mean(dim=0), rtol=1e-5, atol=1e-5)
    spread = values.std(dim=0) / 3**0.5
    assert all(row["error"] >= 0.999 * float(sd) for row, sd in zip(found, spread, strict=True))


def _row(row):
    return row["row"]


def _ages(path):
    return [float(row["age"]) for row in read_table(path)]


_REFUSED = {
    "score table num_steps=1": "num_steps: expected at least 2, got 1",
    "score table output=png": "output: expected a format of tables, got 'PngOutput'",
    "score table label=dog unconditional=true": "unconditional: expected false beside a label",
    "score table label=eel": "Model.sample.label: expected one of cat, dog, got 'eel'",
    "score table data.path=none.csv": "data.path: expected an existing .csv, ",
    "score table data.path=a.npy": "data.path: expected rows of shape (5,) in a.npy, got (2,)",
    "score table data.path=gap.csv": "data.missing: expected a value in line 3, column 'age'",
    "score table data.path=other.csv": "Columns: expected one of the 3 categories of column "
    "'city', got 'Rome'",
    "score table data.path=bare.csv": "data.path: expected the labels that the model was trained "
    "with, got 'none'; say label=... for all rows, or unconditional=true",
    "score table data.path=empty.csv data.missing=drop": "data.missing: expected a row of "
    "empty.csv without a missing cell, got 'none'",
    "score table data.path=ages.csv": "data.path: expected a file with the model's columns age, "
    "city, visits, got 'ages.csv without age, visits'; did you mean 'ages'?",
    "score two data.path=a.npy": "DatasetBase.log_prob: expected a base with a known density",
    "score images data.path=new.csv": "data.path: expected rows of shape (1, 8, 8), got 'the",
    "score table likelihood=expectation": "ExpectationLikelihood.sampler: expected ",
    "translate table": "ckpt: expected a model whose base is a data set, got 'GaussianBase'",
    "translate two output=png": "PngOutput: expected images ",
    "translate two": "data.path: expected a file with the model's columns u, v, got 'new.csv ",
    "translate two sampler=ode_backward": "data.path: expected a file with the model's columns p",
}


@pytest.mark.parametrize("case", _REFUSED)
def test_rows_that_do_not_fit_are_refused_in_a_sentence(case, at):
    rows = people(8)
    write_rows("new.csv", rows)
    write_rows("gap.csv", [rows[0], rows[1] | {"age": ""}])
    write_rows("empty.csv", [rows[0] | {"age": ""}])
    write_rows("other.csv", [*rows[:3], rows[3] | {"city": "Rome"}])
    write_rows("bare.csv", [{k: row[k] for k in _NAMES[:3]} for row in rows], _NAMES[:3])
    write_rows("ages.csv", [{"ages": 3, "city": "Oslo"}], ("ages", "city"))
    np.save("a.npy", np.ones((4, 2)))
    command, run, *words = case.split()
    path = [] if "data.path" in case else ["data.path=new.csv"]
    with pytest.raises(ValueError) as error:
        at(command, run, *path, *words)
    assert str(error.value).startswith(_REFUSED[case])


def test_samples_as_csv_are_read_back_by_name(runs, at):
    words = [f"ckpt={runs / 'table'}", "n=40", "out=.", "metric=[]", "seed=3"]
    sample_with(*words, "output=csv")
    drawn = si.load(runs / "table").sample(40, seed=3, sampler=Sampler)
    table = read_table("ode_seed_3.csv")
    assert list(table[0]) == list(_NAMES)
    assert [row["pet"] for row in table] == [_PETS[k] for k in drawn.label]
    assert {row["city"] for row in table} <= set(_CITIES)
    assert all(row["visits"].lstrip("-").isdigit() for row in table)
    settings = {"categorical": ["city"], "integer": ["visits"], "label": "pet"}
    data = File(path="ode_seed_3.csv", **settings)
    x, label = torch.cat([data.train_rows, data.held_out(99, 0).x1]), data.classes
    assert data.columns == si.load(runs / "table").columns.coordinates and set(label) <= {*_PETS}
    assert torch.equal(x[x[:, 0].argsort()], drawn.x[drawn.x[:, 0].argsort()])
    sample_with(*words, "output=jsonl")
    lines = list(map(json.loads, open("ode_seed_3.jsonl")))
    assert [{k: str(v) for k, v in row.items()} for row in lines] == table
    at("score", "table", "data.path=ode_seed_3.csv")
    assert len(read_table("ode_seed_3_ode.csv")) == 40


@pytest.mark.parametrize("name", ["csv", "jsonl"])
def test_samples_of_images_are_no_table(runs, name, at):
    rule = rf"^{name.title()}Output: expected samples that are rows of numbers, got 'samples of sh"
    with pytest.raises(ValueError, match=f"{rule}.*use output=npz$"):
        sample_with(f"ckpt={runs / 'images'}", "n=4", "out=.", "metric=[]", f"output={name}")


@pytest.mark.parametrize(("sampler", "names"), [("ode", "u,v"), ("ode_backward", "p,q")])
def test_translated_rows_are_those_of_sample_with_these_starts(sampler, names, runs, at):
    x = np.random.default_rng(7).normal(size=(9, 2))
    path = write_array("rows.csv", x[:, ::-1], names[::-1])
    at("translate", "two", f"data.path={path}", f"sampler={sampler}", "num_steps=6")
    model = si.load(runs / "two", data=True)
    start = torch.tensor(np.loadtxt(path, delimiter=",", skiprows=1)[:, ::-1].copy())
    make = sampler_of(sampler)
    expected = model.sample(9, start=start, sampler=make, num_steps=6).x
    data = File(path=f"rows_{sampler}_num_steps_6.csv")
    assert data.columns == (("p", "q") if sampler == "ode" else ("u", "v"))
    found = np.loadtxt(f"rows_{sampler}_num_steps_6.csv", delimiter=",", skiprows=1)
    assert np.array_equal(found.astype(np.float32), expected.numpy())


def test_partners_of_rows_that_are_left_are_listed_by_their_number(runs, at):
    lines = ["u,v", "0.5,1", ",2", "-1,0"]
    with open("gap.csv", "w") as file:
        file.write("\n".join(lines))
    with pytest.warns(UserWarning, match="dropped 1 of 3 rows"):
        at("translate", "two", "data.path=gap.csv", "data.missing=drop", "num_steps=2")
    assert json.load(open("gap_ode_num_steps_2.json"))["rows"] == [0, 2]
    x = torch.tensor([[0.5, 1], [-1, 0]])
    make = sampler_of("ode")
    expected = si.load(runs / "two", data=True).sample(2, start=x, sampler=make, num_steps=2).x
    found = np.loadtxt("gap_ode_num_steps_2.csv", delimiter=",", skiprows=1)
    assert np.array_equal(found.astype(np.float32), expected.numpy())


def sampler_of(name):
    from hydra.utils import instantiate

    return instantiate(config_of(f"sampler={name}", name="translate").sampler, _convert_="all")


def test_scores_of_images_dequantise_whole_numbers_alone(runs, at):
    pixels = np.random.default_rng(0).integers(0, 17, (3, 1, 8, 8))
    np.save("pixels.npy", pixels.astype(np.uint8))
    np.savez("floats.npz", x=pixels.astype(np.float32))
    for name in ("pixels.npy", "floats.npz"):
        at("score", "images", f"data.path={name}", "draws=2", "num_steps=2")
    model, x = si.load(runs / "images"), torch.tensor(pixels, dtype=torch.float32)
    options = {"sampler": Sampler, "num_steps": 2}
    plain = model.log_prob(x, **options).value
    noisy = [
        model.log_prob(dequantised(x, keyed_generator(_NOISE, 0, k)), **options).value
        for k in range(2)
    ]
    for name, expected in {"floats": plain, "pixels": (noisy[0] + noisy[1]) / 2}.items():
        table = sorted(read_table(f"{name}_ode_draws_2_num_steps_2.csv"), key=lambda r: r["row"])
        found = torch.tensor([float(row["log_prob"]) for row in table])
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-3)


def test_score_needs_no_data_of_training(runs, at, tmp_path):
    saved = si.load(runs / "table" / LAST).save(tmp_path / "saved")
    path = write_rows("new.csv", people(4))
    run_command("score", f"ckpt={saved}", f"data.path={path}", "unconditional=true")
    assert (saved / "scores" / "new_ode_unconditional_true.csv").is_file()
