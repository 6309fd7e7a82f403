"""Labels that are vectors: from a file, through training, to samples and densities."""

import math

import numpy as np
import pytest
import torch
from helpers.compose import TINY, leave_out_figures, run_folder, sample_with, train_with

import interpolants
from interpolants.checkpoint.runs import LAST

_DEVIATION = 0.5
_SIZES = [*TINY, "net.hidden=64", "max_steps=600", "steps_per_batch=50", "batch_size=256"]
_SIZES += ["validate_every=600", "sample_every=600", "checkpoint_every=600", "log_every=50"]
_SIZES += ["optimizer.lr=0.004"]
_SIZES += ["interpolant=one_sided_linear", "objective=velocity", "sampler.num_steps=16"]


def _mean(age, dose):
    return (age - 40) / 10 + 2 * dose


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A model of x ~ N(mean(age, dose), s^2), whose labels are far from zero."""
    folder, draw = tmp_path_factory.mktemp("vectors"), np.random.default_rng(0)
    age, dose = draw.normal(40, 10, 4000), draw.uniform(0, 1, 4000)
    x = _mean(age, dose) + _DEVIATION * draw.normal(size=4000)
    rows = np.stack([x, age, dose], axis=1)
    np.savetxt(folder / "rows.csv", rows, delimiter=",", header="x,age,dose", comments="")
    data = ["data=file", f"data.path={folder / 'rows.csv'}", "data.label=[age,dose]"]
    with pytest.MonkeyPatch.context() as patch:
        leave_out_figures(patch)
        patch.chdir(folder)
        return run_folder(train_with(folder, *_SIZES, *data, "label_dropout=0.1"))


def test_samples_have_the_distribution_of_the_vector_asked_for(run):
    model = interpolants.load(run / LAST)
    for label in ([50.0, 0.5], [30.0, 1.0]):
        drawn = model.sample(4000, label=label)
        assert drawn.label.shape == (4000, 2) and torch.equal(drawn.label[7], torch.tensor(label))
        assert float(drawn.x.mean()) == pytest.approx(_mean(*label), abs=0.1)
        assert float(drawn.x.std()) == pytest.approx(_DEVIATION, abs=0.1)
        point = torch.full((1, 1), _mean(*label) + _DEVIATION)
        expected = -0.5 - math.log(_DEVIATION * math.sqrt(2 * math.pi))
        found = float(model.log_prob(point, label=label, num_steps=64).value)
        assert found == pytest.approx(expected, abs=0.3)
    with pytest.raises(ValueError, match="label: expected a vector for each sample"):
        model.sample(3)


def test_reports_draw_vectors_from_the_data_in_every_process(run, monkeypatch):
    leave_out_figures(monkeypatch)
    monkeypatch.chdir(run)
    words = [f"ckpt={run / LAST}", "n=300", "metric=[]"]
    for chunk, stem in ((300, "whole"), (70, "parts")):
        sample_with(*words, f"chunk_size={chunk}", f"stem={stem}")
    whole, parts = (np.load(run / "samples" / f"{stem}.npz") for stem in ("whole", "parts"))
    np.testing.assert_array_equal(whole["label"], parts["label"])
    np.testing.assert_allclose(whole["x"], parts["x"], atol=1e-4)
    age, dose = whole["label"].T
    residual = whole["x"][:, 0] - _mean(age, dose)
    assert abs(residual.mean()) < 0.15 and residual.std() == pytest.approx(_DEVIATION, abs=0.15)
    sample_with(*words, "label=[50.0,0.5]", "guidance=classifier_free", "stem=labelled")
    assert (np.load(run / "samples" / "labelled.npz")["label"] == [50.0, 0.5]).all()


def test_optimal_transport_refuses_vectors_before_anything_is_written(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = ["data=file", f"data.path={run.parents[2] / 'rows.csv'}", "data.label=[age,dose]"]
    options = [*_SIZES, *data, "coupling=minibatch_ot", "label_dropout=0.1"]
    with pytest.raises(ValueError, match=r"label: expected labels that are classes, got 'vec"):
        train_with(tmp_path, *options)
    assert not (tmp_path / "outputs").exists()
