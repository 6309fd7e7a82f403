"""Labels, guidance and conditioning, against normal distributions."""

import math
from functools import partial

import pytest
import torch
from torch import nn

from interpolants.data.labels import Labels, network_labels
from interpolants.fields.fields import Fields
from interpolants.fields.guidance.autoguidance import Autoguidance
from interpolants.fields.guidance.classifier_free import ClassifierFreeGuidance
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.likelihood.expectation import ExpectationLikelihood
from interpolants.likelihood.flow import FlowLikelihood
from interpolants.model.model import Model
from interpolants.net.condition import Condition
from interpolants.sampler.mode.checkpointed import Checkpointed
from interpolants.sampler.noise.per_sample import PerSampleNoise
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.dormand_prince import DormandPrince
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.rk4 import RK4
from interpolants.space.scaling import Scaling

_MEANS, _DEVIATION = torch.tensor([-2.0, 0.5, 3.0], dtype=torch.float64), 0.4


class _Gaussians(nn.Module):
    """The exact velocity of N(m_k, s^2) on the linear path; any label is that of mean zero."""

    def __init__(self, means=_MEANS):
        super().__init__()
        self.means = nn.Parameter(torch.cat([means, torch.zeros(1, dtype=means.dtype)]))

    def forward(self, t, x, condition=None):
        label = None if condition is None else condition.label
        mean = self.means[-1:] if label is None else self.means[label]
        t = t.reshape(-1, 1).to(x)
        square, mean = (1 - t) ** 2 + t**2 * _DEVIATION**2, mean[:, None].to(x)
        slope = (t * _DEVIATION**2 - (1 - t)) / square
        return (mean + slope * (x - t * mean)).unsqueeze(1)


def _model(labels=None, dtype=torch.float64, **options):
    fields = Fields(
        net=_Gaussians().to(dtype),
        interpolant=OneSidedLinearInterpolant(),
        predicts=["velocity"],
    )
    labels = Labels(frequencies=(0.5, 0.2, 0.3), dropout=0.1) if labels is None else labels
    sampler = partial(Sampler, num_steps=64)
    return Model(fields=fields, event_shape=(1,), labels=labels, sampler=sampler, **options)


def test_samples_are_of_the_label_asked_for():
    model, label = _model(), torch.tensor([0, 1, 2]).repeat_interleave(2000)
    drawn = model.sample(6000, label=label)
    assert torch.equal(drawn.label, label)
    for k in range(3):
        x = drawn.x[label == k]
        assert abs(float(x.mean() - _MEANS[k])) < 5 * _DEVIATION / math.sqrt(2000)
        assert abs(float(x.std()) / _DEVIATION - 1) < 0.08
    assert (model.sample(10, label=2).label == 2).all()


def test_labels_are_drawn_as_often_as_in_training():
    drawn = _model().sample(10_000)
    counts = torch.bincount(drawn.label, minlength=3) / 10_000
    assert torch.allclose(counts, torch.tensor([0.5, 0.2, 0.3]), atol=5 * math.sqrt(0.25 / 1e4))
    assert torch.allclose(drawn.x[drawn.label == 2].mean(), _MEANS[2].double(), atol=0.05)


def _sde(**options):
    kinds = {"process": ForwardSDE, "solver": EulerMaruyama(), "epsilon": 0.1}
    return partial(Sampler, num_steps=8, **kinds, **options)


@pytest.mark.parametrize("sampler", [partial(Sampler, num_steps=4), _sde(noise=PerSampleNoise)])
@pytest.mark.filterwarnings("ignore:Sampler.num_steps")
def test_sample_i_does_not_depend_on_what_else_is_drawn(sampler):
    model = _model()
    whole = model.sample(700, sampler=sampler, seed=3)
    for first, n, chunk_size in ((0, 700, 256), (0, 300, 7), (250, 300, 100), (699, 1, 5)):
        part = model.sample(n, first=first, chunk_size=chunk_size, sampler=sampler, seed=3)
        rows = slice(first, first + n)
        assert torch.equal(part.label, whole.label[rows])
        assert torch.allclose(part.x, whole.x[rows], rtol=0, atol=1e-6)
    other = model.sample(700, sampler=sampler, seed=4)
    assert not torch.equal(other.label, whole.label)


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.5])
def test_guided_fields_are_extrapolated_from_the_null_label(scale):
    net, x, t = _Gaussians(), torch.randn(6, 1, dtype=torch.float64), torch.rand(6)
    condition = Condition(torch.tensor([0, 1, 2, 2, 1, 0]))
    fields = Fields(net=net, interpolant=OneSidedLinearInterpolant(), predicts=["velocity"])
    guidance = ClassifierFreeGuidance(scale=scale)
    own, null = fields.condition_on(condition).velocity(t, x), fields.velocity(t, x)
    guided = fields.condition_on(condition, guidance)
    assert torch.allclose(guided.velocity(t, x), null + scale * (own - null))
    # The score is linear in the velocity, with coefficients that do not depend on the label.
    scores = fields.condition_on(condition).score(t, x), fields.score(t, x)
    expected = scores[1] + scale * (scores[0] - scores[1])
    assert torch.allclose(guided.score(t, x), expected)


def test_guidance_outside_of_its_interval_changes_nothing():
    net, x = _Gaussians(), torch.randn(4, 1, dtype=torch.float64)
    condition = Condition(torch.tensor([0, 1, 2, 0]))
    fields = Fields(net=net, interpolant=OneSidedLinearInterpolant(), predicts=["velocity"])
    guidance = ClassifierFreeGuidance(scale=3.0, interval=(0.2, 0.7))
    guided, own = fields.condition_on(condition, guidance), fields.condition_on(condition)
    everywhere = fields.condition_on(condition, ClassifierFreeGuidance(scale=3.0))
    t = torch.tensor([0.1, 0.2, 0.7, 0.71], dtype=torch.float64)
    got, inside = guided.velocity(t, x), torch.tensor([False, True, True, False])
    assert torch.allclose(got[inside], everywhere.velocity(t, x)[inside])
    assert torch.allclose(got[~inside], own.velocity(t, x)[~inside])
    assert torch.allclose(guided.velocity(t[0], x), own.velocity(t[0], x))


def test_autoguidance_goes_away_from_the_poorer_network_and_needs_no_labels():
    poor, model = _Gaussians(0.5 * _MEANS), _model()
    guidance = Autoguidance(poor=poor, scale=2.0)
    drawn = model.sample(4000, label=2, guidance=guidance)
    # Velocities of one slope: that of the mean 3 + (3 - 1.5).
    assert abs(float(drawn.x.mean()) - 4.5) < 5 * _DEVIATION / math.sqrt(4000)
    assert drawn.nfe == 2 * model.sample(2, label=2).nfe
    fields = Fields(
        net=_Gaussians(), interpolant=OneSidedLinearInterpolant(), predicts=["velocity"]
    )
    plain = Model(fields=fields, event_shape=(1,), guidance=guidance)
    assert plain.sample(5).x.shape == (5, 1)


def test_guidance_counts_every_call_in_compiled_plans_too():
    model, guidance = _model(), ClassifierFreeGuidance(scale=2.0)
    assert model.sample(4, num_steps=3, guidance=guidance).nfe == 2 * 3 * 4
    assert model.sample(4, num_steps=3).nfe == 3 * 4
    # A mode that runs blocks of steps counts by the plan, and no call of a network.
    blocks = partial(Sampler, num_steps=3, mode=Checkpointed(block=2))
    for found in (guidance, Autoguidance(poor=_Gaussians(), scale=2.0)):
        assert model.sample(4, label=1, guidance=found, sampler=blocks).nfe == 2 * 3 * 4
    assert model.sample(4, sampler=blocks).nfe == 3 * 4


@pytest.mark.parametrize("solver", [RK4(), DormandPrince(rtol=1e-8, atol=1e-8)])
def test_conditions_stay_with_their_samples_in_every_solver(solver):
    model, label = _model(dtype=torch.float64), torch.tensor([2, 0, 1, 1, 0, 2, 2])
    start = torch.linspace(-3, 3, 7, dtype=torch.float64)[:, None].float()
    together = model.sample(7, label=label, start=start, solver=solver).x
    for i in range(7):
        one = model.sample(1, label=label[i : i + 1], start=start[i : i + 1], solver=solver).x
        assert torch.allclose(one, together[i : i + 1], atol=1e-5)
    # The flow carries x0 to m + s x0.
    assert torch.allclose(together, _MEANS[label, None].double() + _DEVIATION * start, atol=1e-4)


@pytest.mark.parametrize("likelihood", [FlowLikelihood, partial(ExpectationLikelihood, paths=3)])
@pytest.mark.filterwarnings("ignore:Sampler.num_steps")
def test_densities_are_those_of_the_label(likelihood):
    options = {} if likelihood is FlowLikelihood else {"sampler": _sde()}
    label, x = torch.tensor([0, 1, 2, 1, 0]), torch.tensor([-2.2, 0.1, 3.3, 0.9, -1.5])[:, None]
    model = _model()
    steps = 64 if likelihood is FlowLikelihood else 400
    got = model.log_prob(
        x, label=label, likelihood=likelihood, num_steps=steps, chunk_size=6, **options
    )
    distribution = torch.distributions.Normal(_MEANS[label], _DEVIATION)
    expected = distribution.log_prob(x.squeeze(1).double())
    tolerance = 1e-5 if likelihood is FlowLikelihood else 0.05
    assert torch.allclose(got.value, expected, atol=tolerance)
    null = model.log_prob(x, num_steps=64).value
    any_label = torch.distributions.Normal(0.0, _DEVIATION).log_prob(x.squeeze(1).double())
    assert torch.allclose(null, any_label, atol=1e-5)


def test_data_can_be_encoded_with_their_labels():
    model, label = _model(), torch.tensor([2, 0])
    backward = partial(Sampler, process=partial(ProbabilityFlow, backward=True), num_steps=64)
    x1 = _MEANS[label, None].float() + 0.3
    x0 = model.sample(2, start=x1, label=label, sampler=backward).x
    assert torch.allclose(x0, torch.full_like(x0, 0.3 / _DEVIATION), atol=1e-4)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        ({"label": 3}, r"Model\.sample\.label: expected classes 0 to 2, got 3"),
        ({"label": torch.tensor([0, 1])}, r"Model\.sample\.label: expected one, or 4 of them"),
        ({"label": 0.5}, r"Model\.sample\.label: expected classes 0 to 2"),
        ({"image": torch.zeros(4, 1)}, r"Model\.sample\.image: expected none for this coupling"),
        ({"first": -1}, r"^first: expected a whole number >= 0, got -1"),
    ],
)
def test_bad_requests_are_refused(ask, message):
    with pytest.raises(ValueError, match=message):
        _model().sample(4, **ask)


def test_guidance_and_labels_are_refused_where_they_were_not_trained():
    known = Labels(frequencies=(0.5, 0.2, 0.3))
    guidance = ClassifierFreeGuidance(scale=2.0)
    with pytest.raises(ValueError, match=r"ClassifierFreeGuidance: .*train with label_dropout"):
        _model(known).sample(4, guidance=guidance)
    with pytest.raises(ValueError, match=r"label: expected labels of the data, since none were"):
        _model(known).log_prob(torch.zeros(3, 1))
    fields = Fields(
        net=_Gaussians(), interpolant=OneSidedLinearInterpolant(), predicts=["velocity"]
    )
    with pytest.raises(ValueError, match=r"none for a model without labels, got 1; train with"):
        Model(fields=fields, event_shape=(1,), scaling=Scaling()).sample(4, label=1)
    with pytest.raises(ValueError, match=r"\.interval: expected two increasing times in \[0, 1\]"):
        ClassifierFreeGuidance(scale=2.0, interval=(0.5, 0.5))
    with pytest.raises(ValueError, match=r"ClassifierFreeGuidance\.scale: expected a number >= 0"):
        ClassifierFreeGuidance(scale=-1.0)


def test_labels_of_vectors_and_their_plain_form():
    labels = Labels.of(torch.randn(5, 3), 0.2)
    raw = torch.tensor([[10.0, 5.0], [30.0, 5.0]])
    assert network_labels(Labels.of(raw, 0.0), raw).tolist() == [[-1, 0], [1, 0]]
    assert network_labels(None, raw) is None and network_labels(labels, None) is None
    assert labels.net_options() == {"label_size": 3}
    assert Labels(**labels.plain()) == labels
    assert labels.expanded([1.0, 2.0, 3.0], 4).shape == (4, 3)
    with pytest.raises(ValueError, match="a vector for each sample"):
        labels.draw(3, torch.Generator())
    classes = Labels.of(torch.tensor([0, 0, 2, 2, 2]), 0.0)
    assert classes.frequencies == pytest.approx((0.4, 0.0, 0.6))
    assert classes.net_options() == {"classes": 3}
    with pytest.raises(ValueError, match="label_dropout: expected data with labels, got None"):
        Labels.of(None, 0.1)


@pytest.mark.filterwarnings("ignore:Sampler.num_steps")
def test_noise_of_later_samples_is_their_own():
    model, start = _model(), torch.zeros(3, 1)
    options = {"start": start, "label": 1, "sampler": _sde()}
    drawn = [model.sample(3, first=first, **options).x for first in (0, 3, 6, 3)]
    assert torch.equal(drawn[1], drawn[3])
    assert not any(torch.equal(drawn[i], drawn[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


def test_starts_stay_with_their_samples_in_any_chunks():
    model, start = _model(), torch.linspace(-2, 2, 5)[:, None]
    label = torch.tensor([0, 1, 2, 1, 0])
    whole = model.sample(5, start=start, label=label).x
    parts = model.sample(5, start=start, label=label, chunk_size=2).x
    assert torch.allclose(parts, whole, atol=1e-5)
