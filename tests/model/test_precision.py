"""Networks of any precision, numbers of NumPy, and empty inputs, from fields to models."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from interpolants.data.labels import Labels
from interpolants.fields.fields import Fields
from interpolants.fields.guidance.autoguidance import Autoguidance
from interpolants.fields.guidance.classifier_free import ClassifierFreeGuidance
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.net.condition import Condition
from interpolants.net.embedding import TimeEmbedding
from interpolants.net.mlp import MLP
from interpolants.objective.score import ScoreObjective
from interpolants.objective.velocity import VelocityObjective
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.sra1 import SRA1
from interpolants.training.settings import check_settings

_DTYPES = [torch.float64, torch.bfloat16, torch.float32]


def _fields(heads=1, **options):
    torch.manual_seed(0)
    net = MLP(event_shape=(2,), heads=heads, hidden=16, depth=2, **options)
    return Fields(net=net, interpolant=OneSidedLinearInterpolant(), predicts="velocity")


class _Plain(nn.Module):
    """A user's network that does nothing about precision."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, t, x):
        return self.layer(x).unsqueeze(1)


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize("plain", [False, True])
def test_model_of_any_precision_samples_and_scores(dtype, plain):
    fields = _fields()
    if plain:
        fields = Fields(net=_Plain(), interpolant=OneSidedLinearInterpolant(), predicts="velocity")
    model = Model(fields=fields, event_shape=(2,))
    expected, points = model.sample(50).x, torch.randn(5, 2)
    scores = model.log_prob(points).value
    fields.to(dtype)
    state = torch.float64 if dtype == torch.float64 else torch.float32
    atol = 0.05 if dtype == torch.bfloat16 else 1e-5
    for start in (None, torch.zeros(50, 2), torch.zeros(50, 2, dtype=torch.float64)):
        x = model.sample(50, start=start).x
        assert x.dtype == state
        if start is None:
            torch.testing.assert_close(x, expected.to(state), rtol=0, atol=atol)
    found = model.log_prob(points).value
    torch.testing.assert_close(found, scores.to(state), rtol=0, atol=4 * atol)
    sde = partial(Sampler, process=ForwardSDE, solver=SRA1(), epsilon=0.1)
    assert model.sample(4, sampler=sde, num_steps=4).x.dtype == state


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize("start", [torch.float32, torch.float64])
def test_sampler_takes_states_of_either_precision(dtype, start):
    x = Sampler(fields=_fields().to(dtype), num_steps=2)(torch.zeros(3, 2, dtype=start)).x
    assert x.dtype == start
    assert x.isfinite().all()


def test_model_in_a_default_dtype_of_float64():
    torch.set_default_dtype(torch.float64)
    try:
        model = Model(fields=_fields(), event_shape=(2,))
        x = model.sample(4).x
        assert x.dtype == torch.float64
        assert model.log_prob(x).value.isfinite().all()
    finally:
        torch.set_default_dtype(torch.float32)


def test_poor_network_of_another_precision_guides():
    fields, poor = _fields().double(), _fields().bfloat16()
    model = Model(fields=fields, event_shape=(2,), guidance=Autoguidance(scale=2.0, poor=poor.net))
    assert model.sample(3).x.dtype == torch.float64


def test_frequencies_of_a_half_precision_embedding_are_exact():
    exact, half = TimeEmbedding(features=16), TimeEmbedding(features=16).bfloat16()
    t = torch.tensor([0.3, 0.999])
    torch.testing.assert_close(half(t), exact(t), rtol=0, atol=1e-6)


def test_guidance_in_an_interval_is_exact_in_float64():
    scale, t = 1.1, torch.tensor(0.3, dtype=torch.float64)
    guidance = ClassifierFreeGuidance(scale=scale, interval=(0.1, 0.9))
    values = torch.tensor([[[1.0]], [[3.0]]], dtype=torch.float64)

    def net(t, x, condition):
        return values[1:] if condition.label is None else values[:1]

    x, label = torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, dtype=torch.long)
    got = guidance(net, t, x, Condition(label))
    assert float(got) == pytest.approx(3 - 2 * scale, abs=1e-15)


@pytest.mark.parametrize("predicts", [("velocity", "denoiser"), "velocity"])
def test_heads_that_do_not_match_are_one_sentence(predicts):
    net = MLP(event_shape=(2,), heads=2 if predicts == "velocity" else 1, hidden=4, depth=1)
    fields = Fields(net=net, interpolant=OneSidedLinearInterpolant(), predicts=predicts)
    with pytest.raises(ValueError, match=r"Fields.net: expected predictions of shape .*heads="):
        Model(fields=fields, event_shape=(2,)).sample(3)


def test_numbers_and_arrays_of_numpy_are_taken():
    model = Model(fields=_fields(), event_shape=(2,))
    drawn = model.sample(np.int64(4), seed=np.int32(3), chunk_size=np.int64(2))
    assert torch.equal(drawn.x, model.sample(4, seed=3, chunk_size=2).x)
    start = np.zeros((4, 2))
    assert torch.equal(model.sample(4, start=start).x, model.sample(4, start=torch.zeros(4, 2)).x)
    scores = [model.log_prob(x).value for x in (drawn.x.numpy(), drawn.x)]
    assert torch.equal(*scores)
    assert type(SampleRequest(n=np.int64(4)).record()["n"]) is int


def test_log_prob_of_no_rows_is_empty():
    labels = Labels(frequencies=(0.5, 0.5), dropout=0.1)
    for fields, known in ((_fields(), None), (_fields(classes=2), labels)):
        model = Model(fields=fields, event_shape=(2,), labels=known)
        label = None if known is None else torch.zeros(0, dtype=torch.long)
        assert model.log_prob(torch.zeros(0, 2), label=label).value.shape == (0,)


@pytest.mark.parametrize("t", [0.0, 1.0])
@pytest.mark.parametrize("objective", [VelocityObjective(), ScoreObjective()])
def test_objectives_keep_off_times_where_a_target_is_infinite(t, objective):
    net = MLP(event_shape=(2,), heads=1, hidden=4, depth=1)
    fields = Fields(net=net, interpolant=LinearInterpolant(), predicts=objective.predicts)
    x0, x1, z = torch.randn(3, 4, 2)
    loss = objective(fields, torch.full((4,), t), x0, x1, z).total
    loss.sum().backward()
    assert loss.isfinite().all()
    assert all(p.grad.isfinite().all() for p in net.parameters())
    empty = torch.zeros(0, 2)
    assert objective(fields, torch.zeros(0), empty, empty, empty).total.shape == (0,)


def test_samples_that_are_not_finite_are_said():
    fields = _fields()
    nn.init.constant_(fields.net.layers[-1].weight, torch.nan)
    with pytest.warns(UserWarning, match=r"Sampler: 5 of 5 samples are not finite"):
        Model(fields=fields, event_shape=(2,)).sample(5)


@pytest.mark.parametrize("precision", ["64-true", "bf16-true", "16-true", "16-mixed", 64])
def test_precisions_of_training_that_would_fail_later_are_refused(precision):
    keys = "max_steps batch_size steps_per_batch log_every validate_every sample_every"
    keys += " checkpoint_every validation_size report_size threads accumulate"
    config = dict.fromkeys(keys.split(), 1) | {"workers": 0, "seed": 0}
    config["trainer"] = {"precision": precision}
    with pytest.raises(ValueError, match=r"trainer.precision: expected 32-true or bf16-mixed"):
        check_settings(config)
