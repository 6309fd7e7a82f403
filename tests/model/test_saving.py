"""Models are saved in two small files, and loaded as they were."""

import json

import pytest
import torch
from helpers.compose import TINY, TINY_SERIES, leave_out_figures, run_folder, train_with

import interpolants
from interpolants.checkpoint.runs import LAST
from interpolants.model.model import Model
from interpolants.model.saving import RECORD, WEIGHTS
from interpolants.sampler.sampler import Sampler

_KINDS = {"interpolant": TINY, "neural_sde": (*TINY_SERIES, "task=neural_sde")}


@pytest.fixture(scope="module", params=_KINDS)
def run(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        leave_out_figures(monkeypatch)
        report = train_with(
            tmp_path_factory.mktemp("run"), "max_steps=2", "metric=[]", sizes=_KINDS[request.param]
        )
    return run_folder(report)


@pytest.fixture
def model(run):
    return interpolants.load(run)


def test_saved_model_of_any_kind_is_loaded_as_it_was(run, model, tmp_path):
    folder = model.save(tmp_path / "a" / "model")
    assert sorted(path.name for path in folder.iterdir()) == [RECORD, WEIGHTS]
    loaded = interpolants.load(folder)
    assert type(loaded) is type(model) and loaded.config == model.config
    for part in ("trained", "scaling"):
        one, other = (getattr(each, part).state_dict() for each in (loaded, model))
        assert one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)
    assert torch.equal(loaded.sample(5, seed=3).x, model.sample(5, seed=3).x)
    # A run's folder is loaded by its last checkpoint.
    assert torch.equal(interpolants.load(run / LAST).sample(5).x, model.sample(5).x)


def test_saved_model_is_one_time_its_weights(model, tmp_path):
    folder = model.save(tmp_path / "model")
    size = sum(
        w.nbytes for part in (model.trained, model.scaling) for w in part.state_dict().values()
    )
    # Names and shapes of the tensors, about 100 bytes each, and the record.
    assert (
        size
        < (folder / WEIGHTS).stat().st_size
        < size + 150 * len(model.trained.state_dict()) + 500
    )
    assert (folder / RECORD).stat().st_size < 10_000


def test_saving_overwrites_a_saved_model_and_nothing_else(model, tmp_path):
    folder = model.save(tmp_path / "model")
    with torch.no_grad():
        next(model.trained.parameters()).add_(1)
    model.save(folder)
    one, other = (next(each.trained.parameters()) for each in (interpolants.load(folder), model))
    assert torch.equal(one, other)
    (folder / "notes.txt").write_text("mine")
    before = (folder / WEIGHTS).read_bytes()
    with pytest.raises(ValueError, match=r"^save\.folder: expected a new or empty .*notes\.txt"):
        model.save(folder)
    assert (folder / WEIGHTS).read_bytes() == before
    with pytest.raises(ValueError, match=r"^save\.folder: expected a folder, got 'the file "):
        model.save(folder / "notes.txt")


def test_model_that_is_no_longer_that_of_its_record_is_not_saved(tmp_path):
    fields = interpolants.Fields(
        net=interpolants.MLP(event_shape=(2,), heads=1, hidden=4, depth=1),
        interpolant=interpolants.OneSidedLinearInterpolant(),
        predicts=("velocity",),
    )
    by_hand = Model(fields=fields, event_shape=(2,))
    with pytest.raises(ValueError, match=r"^Model\.save: expected a model with the configuration"):
        by_hand.save(tmp_path / "model")
    changed = Model(fields=fields, event_shape=(2,), config={"a": 1})
    changed.sampler = Sampler
    changed.save(tmp_path / "same")
    changed.sampler = lambda **options: Sampler(**options, num_steps=3)
    with pytest.raises(
        ValueError, match=r"^Model\.save: expected the parts of training, .*sampler"
    ):
        changed.save(tmp_path / "model")
    odd = Model(fields=fields, event_shape=(2,), config={"a": (1, 2)})
    with pytest.raises(ValueError, match=r"^save: expected a configuration of plain values"):
        odd.save(tmp_path / "model")
    odd.config = {"a": 1}
    with pytest.raises(ValueError, match=r"^Model\.save: expected weights in torch\.float32"):
        odd.to(dtype=torch.float64).save(tmp_path / "model")
    odd.to(dtype=torch.float32).save(tmp_path / "model")
    content = json.loads((tmp_path / "model" / RECORD).read_text())
    assert content["config"] == {"a": 1}


def test_model_moves_to_devices_and_precisions_that_exist(model):
    assert model.to("cpu") is model and model.device == torch.device("cpu")
    name = type(model).__name__
    with pytest.raises(
        ValueError, match=rf"^{name}\.to\.device: expected a device of this machine"
    ):
        model.to("nowhere")
    with pytest.raises(ValueError, match=rf"^{name}\.to\.dtype: expected "):
        model.to(dtype=torch.float16)
    if isinstance(model, Model):
        assert model.to(dtype=torch.float64).sample(3).x.dtype == torch.float64
        assert model.to(dtype=torch.float32).sample(3).x.dtype == torch.float32
    else:
        with pytest.raises(ValueError, match=r"got torch\.float64"):
            model.to(dtype=torch.float64)
