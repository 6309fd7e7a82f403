"""Reports compare samples with what was asked for, count what is lost, and keep floors."""

from __future__ import annotations

import json
from functools import partial

import pytest
import torch
from torch import nn

from interpolants.data.finite import FiniteData
from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.data.labels import Labels
from interpolants.fields.fields import Fields
from interpolants.fields.guidance.classifier_free import ClassifierFreeGuidance
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.metric.base import References
from interpolants.metric.energy_distance import EnergyDistance
from interpolants.metric.nearest_neighbour import NearestNeighbour
from interpolants.metric.sliced_wasserstein import SlicedWasserstein
from interpolants.model.inputs import with_inputs
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.report.kept import Kept
from interpolants.report.references import reference_of
from interpolants.report.report import compare, measure, write_report
from interpolants.report.settings import ReportSettings
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.sampler import Sampler

_MEANS, _STD = ((-2.0, 0.0), (2.0, 1.0), (0.0, 3.0)), 0.4
_DATA = GaussianMixture(means=_MEANS, std=_STD)
_LABELS = Labels(frequencies=(1 / 3, 1 / 3, 1 / 3), dropout=0.1)


class _Normals(nn.Module):
    """The exact velocity of N(m_k, s^2) on the linear path; any label is that of mean zero."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.means = nn.Parameter(torch.tensor([*_MEANS, (0.0, 0.0)]))
        self.scale = scale

    def forward(self, t, x, condition=None):
        label = None if condition is None else condition.label
        mean = self.means[-1] if label is None else self.means[label]
        t = t.reshape(-1, 1).to(x)
        square = (1 - t) ** 2 + t**2 * _STD**2
        slope = (t * _STD**2 - (1 - t)) / square
        return (self.scale * (mean + slope * (x - t * mean))).unsqueeze(1)


def _model(net=None, **options):
    fields = Fields(
        net=_Normals() if net is None else net,
        interpolant=OneSidedLinearInterpolant(),
        predicts=["velocity"],
    )
    return Model(fields=fields, event_shape=(2,), **{"labels": _LABELS} | options)


def _rows(n=900, labels=None):
    batch = _DATA.sample(n, torch.Generator().manual_seed(5))
    return FiniteData(batch.x1, batch.label if labels is None else labels, standardize=False)


@pytest.mark.parametrize("data", [_DATA, _rows()], ids=["distribution", "rows"])
def test_metrics_of_one_class_are_those_of_a_comparison_by_hand(data):
    """As a conditional model is exact here, it is at the floor, which another class is not."""
    model, request = _model(), SampleRequest(n=200, label=1)
    metrics = [EnergyDistance(), NearestNeighbour()]
    drawn, found, results, _ = measure(model, data, metrics, request)
    distance = EnergyDistance()
    values, floors = [], []
    for draw in range(3):
        held = data.held_out(10_000, draw if data is not _DATA else 2 * draw)
        own = held.x1[held.label == 1]
        if data is _DATA:
            fresh = data.held_out(10_000, 2 * draw + 1)
            fresh = fresh.x1[fresh.label == 1]
        else:
            fresh = data.train_rows[data.labels() == 1]
        assert {tuple(row) for row in found.references.pairs[draw][0].tolist()} <= {
            tuple(row) for row in own.tolist()
        } or data is _DATA
        size = len(found.references.pairs[draw][0])
        values.append(float(distance(drawn.x[:size], found.references.pairs[draw][0])))
        floors.append(float(distance(own[:size], fresh[:size])))
    energy, nearest, _ = results
    assert energy.value == pytest.approx(sum(values) / 3, rel=1e-4)
    assert energy.value - energy.floor < 3 * (energy.sd + energy.floor_sd)
    assert energy.floor == pytest.approx(sum(floors) / 3, abs=4 * energy.floor_sd)
    labels = data.labels()
    training = (data.fitting_batch() if data is _DATA else data.rows(torch.arange(720))).x1
    own = training[labels == 1].double()
    by_hand = torch.cdist(drawn.x[: len(own)].double(), own).amin(dim=1)[:200].mean()
    assert nearest.value == pytest.approx(float(by_hand), rel=0.2)
    # Compared with all classes, the same samples are far off.
    whole = References([data.reference_pair(150, k) for k in range(3)])
    (wrong,) = compare(drawn.x[:150], whole, [distance])
    assert wrong.value > 20 * energy.value and found.name == "data of this label"


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        (torch.arange(6) % 3, "labels of their own"),
        (2, "fewer than 2 held-out and training rows have this label"),
    ],
    ids=["several", "no rows"],
)
def test_report_without_a_reference_has_no_metrics_and_says_why(label, reason, tmp_path):
    few = _rows()
    few._train.label.clamp_(max=1), few._held_out.label.clamp_(max=1)
    request = SampleRequest(n=6, label=label, num_steps=4)
    settings = ReportSettings(folder=tmp_path)
    report = write_report(_model(), few, [EnergyDistance()], request, settings)
    assert report.metrics == [] and report.compared == 0
    assert reason in report.table() and any(reason in note for note in report.notes)
    assert (tmp_path / "samples.png").is_file()
    assert reason in json.loads((tmp_path / "samples.json").read_text())["notes"][0]


def test_labels_that_are_all_the_same_are_one_label_and_vectors_match_exactly():
    request = SampleRequest(n=6, label=torch.ones(6).long())
    found = reference_of(_model(), _rows(), request, 6, 1)
    assert found.name == "data of this label"
    vectors = torch.tensor([[0.5, 1.0], [0.0, 2.0]])[torch.arange(900) % 2]
    model = _model(labels=Labels(size=2, dropout=0.1))
    found = reference_of(model, _rows(labels=vectors), SampleRequest(n=9, label=[0.5, 1]), 9, 1)
    assert len(found.references.pairs[0][0]) == 9 and bool(found.references.of_label.any())
    none = reference_of(model, _rows(labels=vectors), SampleRequest(n=9, label=[0.5, 2]), 9, 1)
    assert none.references is None


def test_guided_samples_are_said_to_follow_another_distribution():
    guidance = ClassifierFreeGuidance(scale=2.0)
    request = SampleRequest(n=50, label=1, guidance=guidance)
    found = reference_of(_model(), _rows(), request, 50, 1)
    assert found.references is not None
    assert "guided samples follow another distribution" in found.notes[0]
    plain = SampleRequest(n=50, label=1, guidance=ClassifierFreeGuidance(scale=1.0))
    assert reference_of(_model(), _rows(), plain, 50, 1).notes == []


def test_backward_process_of_a_label_starts_from_data_of_this_label():
    backward = partial(Sampler, process=partial(ProbabilityFlow, backward=True))
    request = SampleRequest(n=40, label=1, sampler=backward)
    drawn, found, (result,), _ = measure(_model(), _rows(), [EnergyDistance()], request)
    assert found.name == "base" and len(drawn.x) == 40
    # Data of other labels would arrive far from the base.
    assert result.value - result.floor < 3 * (result.sd + result.floor_sd)


class _Broken(_Normals):
    """Some rows, or all, are not finite at the end."""

    def __init__(self, share):
        super().__init__()
        self.share = share

    def forward(self, t, x, condition=None):
        found = super().forward(t, x, condition)
        found[: round(self.share * len(x))] = torch.nan
        return found


def test_rows_that_are_not_finite_are_left_out_and_counted(tmp_path):
    settings = ReportSettings(folder=tmp_path)
    request = SampleRequest(n=20, num_steps=4)
    report = write_report(
        _model(_Broken(0.25), labels=None), _DATA, [EnergyDistance()], request, settings
    )
    assert (report.n, report.outside, report.compared) == (20, 5, 15)
    assert "5 of 20 samples are not finite, and were left out" in report.table()
    assert json.loads((tmp_path / "samples.json").read_text())["outside"] == 5


def test_report_of_no_finite_sample_is_refused_before_a_file_is_written(tmp_path):
    settings = ReportSettings(folder=tmp_path / "samples")
    request = SampleRequest(n=20, num_steps=4)
    rule = "samples: expected some finite samples, got '20 that are not'; the sampler diverges"
    with pytest.raises(ValueError, match=rule):
        write_report(_model(_Broken(1.0), labels=None), _DATA, [], request, settings)
    assert not (tmp_path / "samples").exists()


def test_report_without_data_has_samples_and_pictures(tmp_path):
    settings = ReportSettings(folder=tmp_path, notes=["without data: why"])
    request = SampleRequest(n=20, num_steps=4)
    report = write_report(_model(), None, [], request, settings)
    assert report.metrics == [] and "without data: why" in report.table()
    assert {path.name for path in tmp_path.iterdir()} >= {"samples.npz", "samples.png"}
    backward = partial(Sampler, process=partial(ProbabilityFlow, backward=True))
    start = SampleRequest(n=20, sampler=backward)
    with pytest.raises(ValueError, match="data: expected the data of training, which these"):
        write_report(_model(), None, [], start, settings)


def test_floors_are_computed_once_and_kept_in_a_file(tmp_path, monkeypatch):
    file, x = tmp_path / "references.npz", torch.randn(50, 2)
    references = References([_DATA.reference_pair(50, k) for k in range(2)])
    first = compare(x, references, [EnergyDistance()], Kept(file))
    assert file.is_file()
    counted = []
    estimate = EnergyDistance.estimate
    monkeypatch.setattr(
        EnergyDistance, "estimate", lambda *a: counted.append(None) or estimate(*a)
    )
    assert compare(x, references, [EnergyDistance()], Kept(file)) == first
    assert len(counted) == 2  # a value for each reference, and no floor
    other = References([_DATA.reference_pair(50, k) for k in (2, 3)])
    assert compare(x, other, [EnergyDistance()], Kept(file)) != first
    file.write_bytes(b"damaged")
    assert compare(x, references, [EnergyDistance()], Kept(file)) == first


def test_kept_floors_are_those_of_each_metric(tmp_path):
    references, x = References([_DATA.reference_pair(40, 0)]), torch.randn(40, 2)
    metrics = [EnergyDistance(), *(SlicedWasserstein(projections=count) for count in (4, 8))]
    expected = [compare(x, references, [metric])[0] for metric in metrics]
    for _ in range(2):  # computed, and read from the file
        assert compare(x, references, metrics, Kept(tmp_path / "references.npz")) == expected


def test_vector_labels_of_samples_follow_the_seed():
    vectors = torch.arange(1800.0).view(900, 2)
    model, data = _model(labels=Labels(size=2, dropout=0.1)), _rows(labels=vectors)
    one, other, again = (
        with_inputs(model, data, SampleRequest(n=20, seed=seed)).label for seed in (0, 1, 0)
    )
    assert torch.equal(one, again) and not torch.equal(one, other)
