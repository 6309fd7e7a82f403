"""The training module: losses, pairs, steps, and the learned distribution."""

import csv
import math
from functools import partial

import lightning.pytorch as pl
import pytest
import torch
from helpers.problems import Gaussians
from torch import nn

from interpolants.base.dataset import DatasetBase
from interpolants.coupling.minibatch_ot import MinibatchOTCoupling
from interpolants.coupling.paired import PairedCoupling
from interpolants.data.base import Batch
from interpolants.data.finite import FiniteData
from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import Fields
from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.model.model import Model
from interpolants.model.trainable import TrainableFields
from interpolants.net.mlp import MLP
from interpolants.objective.mean_velocity import MeanVelocityObjective
from interpolants.objective.score import ScoreObjective
from interpolants.objective.time_sampler.uniform import UniformTime
from interpolants.objective.velocity import VelocityObjective
from interpolants.objective.velocity_and_denoiser import VelocityAndDenoiserObjective
from interpolants.space.scaling import Scaling
from interpolants.training.csv_logger import AppendingCSVLogger
from interpolants.training.module import TrainingModule
from interpolants.training.scheduler.constant import constant
from interpolants.training.scheduler.cosine import cosine
from interpolants.training.stream import HeldOut, StepStream

_BRIDGE = LinearInterpolant(gamma=BrownianBridgeGamma(a=1.0))


class _Exact(nn.Module):
    """The exact fields plus one learned number, whose loss is the floor + number^2 / 2."""

    def __init__(self, exact, offset):
        super().__init__()
        self.exact, self.offset = exact, nn.Parameter(torch.tensor(offset))

    def forward(self, t, x):
        return self.exact(t.double(), x.double()).float() + self.offset


def _exact(predicts, *, mean=1.0, variance=0.3, dim=1, offset=0.0, **options):
    """Fields from N(0, Id) to N(mean, variance Id)."""
    exact = Gaussians(
        _BRIDGE,
        predicts,
        means=([0.0] * dim, [mean] * dim),
        covariances=(torch.eye(dim), variance * torch.eye(dim)),
    )
    net = _Exact(exact, offset)
    return Fields(net=net, interpolant=_BRIDGE, predicts=predicts, **options)


_STILL, _SGD = (partial(torch.optim.SGD, lr=lr) for lr in (0.0, 0.1))


def _module(fields, objective, data, *, optimizer=_STILL, schedule=constant, clip=None, steps=40):
    trainable = TrainableFields(
        model=fields,
        objective=objective,
        time_sampler=UniformTime(),
        scaling=Scaling(data.shift, data.scale),
    )
    return TrainingModule(
        trainable,
        optimizer=optimizer,
        scheduler=partial(schedule, max_steps=steps),
        seed=0,
        clip_norm=clip,
        log_every=1,
        config={},
    )


def _fit(folder, module, data, *, steps=40, size=2000, held_out=40_000):
    """Train, validate once, and return the logged rows by stage."""
    trainer = pl.Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=AppendingCSVLogger(folder),
        limit_train_batches=1,
        num_sanity_val_steps=0,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    stream = StepStream(
        data,
        batch_size=size,
        seed=0,
        steps_per_batch=steps,
        max_steps=steps,
        next_step=lambda: trainer.global_step,
    )
    trainer.fit(module, stream, HeldOut(data.held_out(held_out, seed=0)))
    trainer.logger.save()
    with open(folder / "metrics.csv") as file:
        rows = list(csv.DictReader(file))
    return {
        stage: [
            {k: float(v) for k, v in row.items() if v and k.startswith(stage)}
            for row in rows
            if row[f"{stage}/loss"]
        ]
        for stage in ("train", "val")
    }


def _check_floors(logged, floors, size=2000, held_out=40_000):
    """Means of the logged losses, within four standard errors that are small themselves."""
    for key, floor in floors.items():
        train = torch.tensor([row[f"train/{key}"] for row in logged["train"]]).double()
        error = train.std() / math.sqrt(len(train))
        assert error < 0.02
        assert abs(train.mean() - floor) < 4 * error, f"train/{key}"
        (val,) = (row[f"val/{key}"] for row in logged["val"])
        error = train.std() * math.sqrt(size / held_out)
        assert abs(val - floor) < 4 * error, f"val/{key}"


# From N(0, 1) to N(1, .3), gamma^2 = t(1 - t).
_VELOCITY, _MEAN_VELOCITY, _SCORE, _DENOISER = -0.6029828, -0.6703248, -0.9403434, -0.1519786


@pytest.mark.parametrize(
    ("objective", "floors"),
    [
        (VelocityObjective(), {"loss": _VELOCITY}),
        (MeanVelocityObjective(), {"loss": _MEAN_VELOCITY}),
        (ScoreObjective(), {"loss": _SCORE}),
        (
            VelocityAndDenoiserObjective(denoiser_factor=5.0),
            {
                "loss": _VELOCITY + _DENOISER,
                "loss_velocity": _VELOCITY,
                "loss_denoiser": _DENOISER,
            },
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_training_logs_losses_that_reach_their_floors_at_exact_fields(objective, floors, tmp_path):
    data = GaussianMixture(means=[[1.0]], std=math.sqrt(0.3), standardize=False)
    module = _module(_exact(objective.predicts), objective, data)
    _check_floors(_fit(tmp_path, module, data), floors)


def test_training_logs_losses_in_the_units_of_the_networks(tmp_path):
    """Data of mean 5000 and std 20, standardised: the floors are those of N(0, 1).

    There C = 1 - t + t^2, so int (t - 1/2)^2 / C = 1 - pi / sqrt(12) and
    int t(1 - t) / C = 2 pi / sqrt(27) - 1.
    """
    data = GaussianMixture(means=[[5000.0]], std=20.0)
    objective = VelocityAndDenoiserObjective()
    fields = _exact(objective.predicts, mean=0.0, variance=1.0)
    velocity = -0.5 * (1 - math.pi / math.sqrt(12))
    denoiser = -0.5 * (2 * math.pi / math.sqrt(27) - 1)
    logged = _fit(tmp_path, _module(fields, objective, data), data)
    _check_floors(logged, {"loss_velocity": velocity, "loss_denoiser": denoiser})


def _seen(folder, data, coupling=None, **options):
    """Inputs (t, x0, x1, z) of the objective in three steps of 50."""
    seen = []
    objective = VelocityObjective()

    def watch(fields, *arguments, generator):
        seen.append(arguments)
        return objective(fields, *arguments, generator=generator)

    fields = _exact(("velocity",), coupling=coupling, **options)
    _fit(folder, _module(fields, watch, data, steps=3), data, steps=3, size=50, held_out=50)
    return seen[:3]


def test_training_takes_the_batches_of_the_data_and_independent_pairs(tmp_path):
    data = GaussianMixture(means=[[5000.0]], std=20.0)
    seen = _seen(tmp_path, data)
    for step, (t, x0, x1, z) in enumerate(seen):
        drawn = data.train_batch(step, 50, seed=0).x1
        torch.testing.assert_close(x1, (drawn - 5000) / 20)
        assert (t > 0).all() and (t < 1).all()
        assert x0.shape == z.shape == x1.shape
    t, x0, x1, z = (torch.cat(parts) for parts in zip(*seen, strict=True))
    draws = torch.stack([math.sqrt(12) * (t - 0.5), x0[:, 0], x1[:, 0], z[:, 0]])
    assert draws.mean(dim=1).abs().max() < 4 / math.sqrt(150)
    # Correlations, and variances whose estimates have twice the variance at most.
    difference = draws @ draws.T / 150 - torch.eye(4)
    assert difference.abs().max() < 4 * math.sqrt(2 / 150)


@pytest.mark.parametrize("means", [[[1.0]], [[1.0], [1.3]]], ids=["one class", "two classes"])
def test_training_hands_the_pairs_of_the_coupling_to_the_objective(means, tmp_path):
    """On the line, optimal pairs have one order, for any labels that the network does not get."""
    data = GaussianMixture(means=means, std=math.sqrt(0.3), standardize=False)
    for _, x0, x1, _ in _seen(tmp_path, data, MinibatchOTCoupling()):
        assert torch.equal(x0.argsort(dim=0), x1.argsort(dim=0))


class _Pairs(FiniteData):
    """Rows x1 with x0 = 2 - x1."""

    def train_batch(self, *arguments):
        x1 = super().train_batch(*arguments).x1
        return Batch(x1, x0=2 - x1)

    def held_out(self, *arguments, **options):
        x1 = super().held_out(*arguments, **options).x1
        return Batch(x1, x0=2 - x1)


def test_training_keeps_the_pairs_of_the_data_each_end_in_its_own_units(tmp_path):
    data = _Pairs(7 + torch.randn(300, 1, generator=torch.Generator().manual_seed(0)))
    base = DatasetBase(data=GaussianMixture(means=[[-5.0]], std=3.0))
    for _, x0, x1, _ in _seen(tmp_path, data, PairedCoupling(), base=base):
        torch.testing.assert_close(3 * x0 - 5, 2 - (data.shift + data.scale * x1))


def test_training_moves_a_wrong_field_straight_to_the_right_one(tmp_path):
    """The loss in the offset c is the floor + c^2 / 2 per coordinate: SGD keeps 1 - lr of c."""
    data = GaussianMixture(means=[[1.0, 1.0, 1.0]], std=math.sqrt(0.3), standardize=False)
    fields = _exact(("velocity",), dim=3, offset=2.0)
    module = _module(fields, VelocityObjective(), data, optimizer=_SGD, steps=10)
    _fit(tmp_path, module, data, steps=10)
    # A gradient's standard deviation is below 2 / sqrt(2000 * 3), and ten steps of 0.1 add up to
    # 0.05.
    assert abs(fields.net.offset.item() - 2 * 0.9**10) < 0.03


def test_training_averages_the_gradients_of_micro_batches(tmp_path):
    """Adam, and gradients that are clipped, hardly depend on a factor; SGD does."""
    data = GaussianMixture(means=[[1.0]], std=math.sqrt(0.3), standardize=False)
    offsets = []
    for parts in (1, 4):
        fields = _exact(("velocity",), offset=2.0)
        module = _module(fields, VelocityObjective(), data, optimizer=_SGD, steps=3)
        module.accumulate = parts
        _fit(tmp_path / str(parts), module, data, steps=3)
        offsets.append(fields.net.offset.item())
    assert offsets[1] == pytest.approx(offsets[0], rel=1e-5)


@pytest.mark.parametrize("clip", [0.5, 1.5])
def test_training_clips_the_gradient(clip, tmp_path):
    """A gradient of about 2 is cut to `clip`, so that one step of SGD is lr times that."""
    data = GaussianMixture(means=[[1.0]], std=math.sqrt(0.3), standardize=False)
    fields = _exact(("velocity",), offset=2.0)
    options = {"optimizer": _SGD, "clip": clip, "steps": 3}
    module = _module(fields, VelocityObjective(), data, **options)
    rows = _fit(tmp_path, module, data, steps=3)["train"]
    assert fields.net.offset.item() == pytest.approx(2 - 3 * 0.1 * clip, rel=1e-5)
    # The gradient in the offset is the offset, up to the noise of 2000 rows, and is logged whole.
    norms = [2 - 0.1 * clip * step for step in range(3)]
    assert [row["train/gradient_norm"] for row in rows] == pytest.approx(norms, abs=0.15)


def test_training_follows_and_logs_the_schedule(tmp_path):
    """Under a cosine from 0.1 to 0 the offset keeps prod (1 - lr_k); the log has the next rate."""
    data = GaussianMixture(means=[[1.0]], std=math.sqrt(0.3), standardize=False)
    fields = _exact(("velocity",), offset=2.0)
    options = {"optimizer": _SGD, "schedule": cosine, "steps": 20}
    module = _module(fields, VelocityObjective(), data, **options)
    logged = _fit(tmp_path, module, data, steps=20)
    rates = [0.05 * (1 + math.cos(math.pi * k / 20)) for k in range(21)]
    assert [row["train/lr"] for row in logged["train"]] == pytest.approx(rates[1:], abs=1e-9)
    kept = math.prod(1 - rate for rate in rates[:20])
    assert abs(fields.net.offset.item() - 2 * kept) < 0.05


def test_training_reaches_the_distribution_of_the_data(tmp_path):
    """From N(0, 1) to N(3, 0.5^2), in units of the data, with a small network."""
    data = GaussianMixture(means=[[3.0]], std=0.5)
    net = MLP(event_shape=(1,), heads=1, hidden=32, depth=2)
    fields = Fields(net=net, interpolant=_BRIDGE, predicts=("velocity",))
    options = {"optimizer": partial(torch.optim.Adam, lr=1e-2), "schedule": cosine, "clip": 1.0}
    module = _module(fields, VelocityObjective(), data, steps=400, **options)
    _fit(tmp_path, module, data, steps=400, size=256, held_out=1000)
    model = Model(fields=fields, event_shape=(1,), scaling=module.trainable.scaling)
    x = model.sample(10_000, seed=0).x
    # Sampling errors are 0.005 and 0.0035; the rest is what 400 steps leave.
    assert abs(x.mean().item() - 3) < 0.05
    assert abs(x.std().item() - 0.5) < 0.03
