"""The same samples for any number of processes and any chunks, stopped and continued."""

from contextlib import nullcontext
from functools import partial

import pytest
import torch
from torch import nn

from interpolants.data.labels import Labels
from interpolants.fields.fields import Fields
from interpolants.fields.guidance.classifier_free import ClassifierFreeGuidance
from interpolants.fields.jumps import Jumps
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.report.sharding import ShardedSampling
from interpolants.sampler.epsilon.noise_level import NoiseLevelEpsilon
from interpolants.sampler.grid.power import PowerGrid
from interpolants.sampler.noise.antithetic import AntitheticNoise
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.noise.per_sample import PerSampleNoise
from interpolants.sampler.process.flow_map import FlowMap
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.dormand_prince import DormandPrince
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.heun import Heun
from interpolants.sampler.solver.jump import Jump
from interpolants.utils.ranks import Ranks

_N = 1000
_SDE = {"process": ForwardSDE, "solver": EulerMaruyama(), "epsilon": NoiseLevelEpsilon()}
_SAMPLERS = {
    "ode": partial(Sampler, solver=Heun(), num_steps=4),
    "adaptive": partial(Sampler, solver=DormandPrince(), num_steps=4),
    "sde": partial(Sampler, **_SDE, noise=PerSampleNoise, num_steps=20),
}


class _Net(nn.Module):
    """Small network that is conditioned on labels."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.point = nn.Embedding(4, 12)
        self.layers = nn.Sequential(nn.Linear(12, 32), nn.Tanh(), nn.Linear(32, 12))

    def forward(self, t, x, condition=None):
        label = getattr(condition, "label", None)
        label = torch.full((len(x),), 3) if label is None else label
        moved = self.layers(x.flatten(1) + self.point(label).repeat(len(x) // len(label), 1))
        return (moved * (1 + t.reshape(-1, 1))).reshape(-1, 1, *x.shape[1:])


def _model(labels=None, **options):
    path = OneSidedLinearInterpolant()
    fields = Fields(net=_Net(), interpolant=path, predicts=("velocity",))
    return Model(fields=fields, event_shape=(3, 2, 2), labels=labels, **options)


def _turns(world_size):
    """Run several processes one after the other in this one, with the ranges of the first."""
    plan = []

    class Turn(Ranks):
        def joined(self):
            return nullcontext()

        def agreed(self, value):
            plan.append(value)
            return plan[0]

        def wait(self):
            pass

    return [Turn(rank, world_size, rank) for rank in range(world_size)]


def _draw(model, folder, n, world_size, size, **options):
    """All processes draw, the first one last; its samples."""
    turns, request = _turns(world_size), SampleRequest(n=n, **options)
    jobs = [
        ShardedSampling(model, folder, request=request, chunk_size=size, ranks=turn)
        for turn in turns
    ]
    for job in jobs[1:]:
        job.draw(request)
    return jobs[0](request)


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("sampler", _SAMPLERS)
def test_sharding_draws_the_same_for_any_processes_and_chunks(sampler, world_size, tmp_path):
    labels = Labels(frequencies=(0.2, 0.3, 0.5), dropout=0.1)
    model = _model(labels)
    options = {"sampler": _SAMPLERS[sampler], "seed": 3}
    whole = model.sample(_N, **options)
    for size in (64, 300, 999):
        drawn = _draw(model, tmp_path / str(size), _N, world_size, size, **options)
        torch.testing.assert_close(drawn.x, whole.x, rtol=0, atol=1e-5)
        assert torch.equal(drawn.label, whole.label)
        assert drawn.nfe == whole.nfe or sampler == "adaptive"
    other = model.sample(_N, **options | {"seed": 4})
    assert (other.x - whole.x).flatten(1).abs().amax(dim=1).min() > 1e-3


@pytest.mark.parametrize("label", [2, list(range(3)) * 4, None], ids=["one", "each", "drawn"])
def test_sharding_gives_labels_and_guidance_to_their_samples(label, tmp_path):
    model = _model(Labels(frequencies=(0.2, 0.3, 0.5), dropout=0.1))
    options = {"label": label, "guidance": ClassifierFreeGuidance(scale=2.0), "num_steps": 4}
    whole = model.sample(12, **options)
    drawn = _draw(model, tmp_path, 12, 2, 5, **options)
    torch.testing.assert_close(drawn.x, whole.x, rtol=0, atol=1e-5)
    assert torch.equal(drawn.label, whole.label)


def test_sharding_refuses_a_label_before_it_draws(tmp_path):
    with pytest.raises(ValueError, match=r"^Model\.sample\.label: expected none for a model"):
        _draw(_model(), tmp_path, 12, 2, 5, label=2)
    assert not list(tmp_path.iterdir())


def test_sharding_gives_starts_to_their_samples(tmp_path):
    model, start = _model(), torch.randn(20, 3, 2, 2)
    backward = partial(Sampler, process=partial(ProbabilityFlow, backward=True), num_steps=4)
    whole = model.sample(20, start=start, sampler=backward)
    drawn = _draw(model, tmp_path, 20, 3, 3, start=start, sampler=backward)
    torch.testing.assert_close(drawn.x, whole.x, rtol=0, atol=1e-5)
    # They are those of the n that there were.
    for n, key in ((19, "n: expected 20 as in"), (20, "start: expected '")):
        with pytest.raises(ValueError, match=f"^{key}"):
            _draw(model, tmp_path, n, 1, 4, start=start[:n] + 1, sampler=backward)


class _Killed(Exception):
    pass


@pytest.mark.parametrize("sampler", ["ode", "sde"])
def test_sharding_continues_without_repeats_or_gaps(sampler, tmp_path, monkeypatch):
    """Three times interrupted, each time with other processes and chunks."""
    model, options = _model(), {"sampler": _SAMPLERS[sampler]}
    whole, drawn, draw = model.sample(_N, **options), [], Model.draw

    def counted(self, request):
        if len(drawn) == limit:
            raise _Killed
        drawn.append((request.first, request.first + request.n))
        return draw(self, request)

    monkeypatch.setattr(Model, "draw", counted)
    for limit, n, world_size, size in ((3, 700, 2, 70), (5, 1500, 1, 128), (9, _N, 3, 33)):
        with pytest.raises(_Killed):
            _draw(model, tmp_path, n, world_size, size, **options)
        assert len(list(tmp_path.iterdir())) == limit
    limit = None
    x = _draw(model, tmp_path, _N, 2, 100, **options).x
    numbers = [i for first, last in drawn for i in range(first, last)]
    assert sorted(numbers) == list(range(max(numbers) + 1)) and max(numbers) + 1 >= _N
    torch.testing.assert_close(x, whole.x, rtol=0, atol=1e-5)
    count = len(drawn)
    assert torch.equal(_draw(model, tmp_path, _N, 1, 10, **options).x, x)
    assert len(drawn) == count


def test_sharding_refuses_samples_of_another_model_or_other_settings(tmp_path):
    model, options = _model(), {"num_steps": 4, "seed": 1}
    _draw(model, tmp_path, 20, 1, 10, **options)
    other = _model()
    with torch.no_grad():
        other.fields.net.layers[0].bias[0] += 1e-6
    cases = {
        "weights: expected '": (other, options),
        "num_steps: expected 4 as in": (model, options | {"num_steps": 5}),
        "seed: expected 1 as in": (model, options | {"seed": 2}),
        r"sampler\._target_: expected None as in": (
            model,
            options | {"sampler": partial(Sampler, grid=PowerGrid(p=3.0))},
        ),
    }
    for sentence, (drawn_of, changed) in cases.items():
        with pytest.raises(ValueError, match=rf"^{sentence}.*or delete {tmp_path}$"):
            _draw(drawn_of, tmp_path, 20, 1, 10, **changed)


@pytest.mark.parametrize("noise", [GeneratorNoise, AntitheticNoise])
def test_sharding_refuses_noise_that_samples_share(noise, tmp_path):
    sampler = partial(Sampler, **_SDE, noise=noise)
    rule = "sampler/noise: expected per_sample for samples that are drawn in chunks, got "
    with pytest.raises(ValueError, match=f"^{rule}'{noise.__name__}'; .* chunk_size=20$"):
        _draw(_model(), tmp_path / "chunks", 20, 1, 10, sampler=sampler)
    assert not (tmp_path / "chunks").exists()


def test_jumps_of_a_flow_map_are_drawn_in_chunks_as_they_draw_no_noise(tmp_path):
    sampler = partial(Sampler, process=FlowMap, solver=Jump(), num_steps=2)
    fields = Fields(
        net=_Net(), interpolant=OneSidedLinearInterpolant(), predicts="velocity", jumps=Jumps()
    )
    _draw(
        Model(fields=fields, event_shape=(3, 2, 2)),
        tmp_path / "chunks",
        20,
        1,
        10,
        sampler=sampler,
    )
    assert len(list((tmp_path / "chunks").glob("*.npz"))) == 2
