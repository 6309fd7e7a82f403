"""Reports: samples, metrics, files and figures."""

import json
from functools import partial

import pytest
import torch
from helpers.compose import leave_out_figures, run_folder, train_with
from helpers.problems import BASE, INTERPOLANTS, TARGET, exact_fields

from interpolants.base.dataset import DatasetBase
from interpolants.data.finite import FiniteData
from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.metric.base import Metric
from interpolants.metric.energy_distance import EnergyDistance
from interpolants.metric.mmd import MMD
from interpolants.metric.sliced_wasserstein import SlicedWasserstein
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.report.report import measure, write_report
from interpolants.report.settings import ReportSettings
from interpolants.sampler.process.backward_sde import BackwardSDE
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.space.scaling import Scaling
from interpolants.training import run

_PROCESSES = {
    "flow": {"process": partial(ProbabilityFlow, backward=True)},
    "sde": {"process": BackwardSDE, "solver": EulerMaruyama(), "epsilon": 0.5, "num_steps": 100},
}


def _model(stem="one_sided_linear"):
    path = INTERPOLANTS[stem]
    parts = {name: getattr(BASE, name).tolist() for name in ("means", "weights", "covariances")}
    raw = GaussianMixture(**parts, standardize=False)
    base = None if path.one_sided else DatasetBase(data=raw)
    fields = exact_fields(path, ("velocity", "denoiser"), base=base)
    return Model(fields=fields, event_shape=(2,))


@pytest.mark.parametrize("stem", ["one_sided_linear", "linear"])
@pytest.mark.parametrize("process", _PROCESSES)
def test_report_compares_what_a_backward_process_arrives_at_with_the_base(process, stem):
    sampler = partial(Sampler, **_PROCESSES[process])
    drawn, found, (result,), _ = measure(
        _model(stem), TARGET, [EnergyDistance()], SampleRequest(n=2000, sampler=sampler)
    )
    (reference, _), name = found.references.pairs[0], found.name
    assert name == "base"
    assert result.value < 4 * result.floor
    distance = EnergyDistance()
    assert distance(drawn.x, TARGET.held_out(2000, 5).x1) > 10 * result.value
    assert distance(reference, TARGET.held_out(2000, 5).x1) > 10 * result.value


class _Counting:
    """Data that counts its references."""

    def __init__(self):
        self.draws = []

    def reference_pair(self, n, draw=0):
        self.draws.append(draw)
        return TARGET.reference_pair(n, draw)


@pytest.mark.parametrize(
    ("metrics", "draws"), [([], [0]), ([EnergyDistance(), SlicedWasserstein()], [0, 1, 2])]
)
def test_report_draws_only_the_references_that_it_uses(metrics, draws, tmp_path):
    data = _Counting()
    written = write_report(
        _model(), data, metrics, SampleRequest(n=50, num_steps=4), ReportSettings(folder=tmp_path)
    )
    assert data.draws == draws
    assert sorted(written.files) == sorted(tmp_path.iterdir())
    assert [m.name for m in written.metrics] == [m.name for m in metrics]
    head = written.table().splitlines()[0]
    assert head.startswith("metric ") == bool(metrics)


def test_report_of_training_lists_every_figure(tmp_path):
    table = train_with(tmp_path, "metric=energy_distance").table().splitlines()
    (folder,) = (tmp_path / "outputs" / "checkerboard").iterdir()
    assert sorted(path.name for path in (folder / "figures").iterdir()) == [
        "loss.png",
        "step_0000002.png",
        "step_0000004.png",
    ]
    names = ["figures/loss.png", "figures/step_*.png"]
    assert table[-2:] == [str(folder / name) for name in names]
    samples = {str(path) for path in (folder / "samples").iterdir()}
    assert samples == set(table[3:-2])


def test_report_of_training_without_metrics_draws_its_figure(tmp_path):
    report = train_with(tmp_path, "metric=[]")
    assert report.metrics == []
    assert (run_folder(report) / "figures" / "step_0000004.png").is_file()
    rows = (run_folder(report) / "metrics.csv").read_text().splitlines()
    assert all(row.strip("0123456789").strip(",") for row in rows)


def test_report_of_training_that_logged_nothing_has_no_images_of_it(tmp_path):
    later = ["log_every=50", "validate_every=50", "sample_every=50"]
    report = train_with(tmp_path, *later)
    assert not (run_folder(report) / "figures").exists()
    assert {path.parent.name for path in report.files} == {"samples"}
    last = run_folder(report) / "checkpoints" / "last.ckpt"
    again = train_with(tmp_path, *later, f"ckpt={last}", f"run_dir={tmp_path / 'again'}")
    assert (tmp_path / "again" / "samples" / "samples.npz").is_file()
    assert again.metrics == report.metrics


def test_report_of_training_is_drawn_where_training_was(tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    load, devices = run.load, []

    def spy(*args, device="cpu", **options):
        devices.append(device)
        return load(*args, **options)

    root = torch.device("meta")
    monkeypatch.setattr(run, "load", spy)
    monkeypatch.setattr(
        "lightning.pytorch.strategies.SingleDeviceStrategy.teardown",
        lambda self: setattr(self, "_root_device", root),
    )
    train_with(tmp_path)
    assert devices == [root]


def test_report_has_null_where_a_number_is_not_finite(tmp_path):
    class Gone(Metric):
        def __call__(self, x, y):
            return float(x.mean() * torch.nan)

    write_report(
        _model(),
        TARGET,
        [Gone()],
        SampleRequest(n=20, num_steps=4),
        ReportSettings(folder=tmp_path),
    )
    content = json.loads((tmp_path / "samples.json").read_text(), parse_constant=pytest.fail)
    assert content["metrics"]["gone"]["value"] is None and content["n"] == 20


def test_report_on_data_of_a_large_unit_is_that_in_another(tmp_path):
    unit, is_held_out = 1e30, torch.arange(400) % 5 == 0
    metrics = [EnergyDistance(), SlicedWasserstein(projections=8), MMD()]
    found = []
    for scale in (1.0, unit):
        rows = torch.randn(400, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        data, folder = (
            FiniteData((scale * rows).float(), is_held_out=is_held_out),
            tmp_path / str(scale),
        )
        fields = _model().fields
        model = Model(fields=fields, event_shape=(2,), scaling=Scaling(data.shift, data.scale))
        request, settings = SampleRequest(n=30, num_steps=4), ReportSettings(folder=folder)
        found.append(write_report(model, data, metrics, request, settings))
        json.loads((folder / "samples.json").read_text(), parse_constant=pytest.fail)
    one, other = (report.metrics for report in found)
    for first, second in zip(one, other, strict=True):
        times = 1.0 if first.name == "mmd" else unit
        for name in ("value", "floor", "sd", "floor_sd"):
            expected = times * getattr(first, name)
            assert getattr(second, name) == pytest.approx(expected, rel=1e-3), name
    assert found[1].compared == 30
