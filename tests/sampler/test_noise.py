"""Noise: normals of their own for each sample, in pairs, and of one path at any step count."""

import math
from functools import partial

import pytest
import torch
from helpers.problems import load, stems, times
from scipy import stats

from interpolants.fields.fields import Fields
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.model.model import Model
from interpolants.net.mlp import MLP
from interpolants.sampler.epsilon.sine_squared import SineSquaredEpsilon
from interpolants.sampler.integrate import integrate
from interpolants.sampler.noise import per_sample
from interpolants.sampler.noise.antithetic import AntitheticNoise
from interpolants.sampler.noise.base import Noise
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.noise.per_sample import PerSampleNoise, philox
from interpolants.sampler.process.base import Process
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.heun import Heun
from interpolants.sampler.solver.stochastic_heun import StochasticHeun
from interpolants.testing import check_noise


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("stem", stems("sampler/noise"))
def test_noise_keeps_its_contract(stem):
    check_noise(load("sampler/noise", stem))


_ONES = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((_ONES,) * 4, (_ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_its_published_words(counter, key, words):
    """The known answers of Random123 for philox4x32-10."""
    for copies in (1, 9):  # the second in vector instructions
        drawn = philox(tuple(torch.tensor([word] * copies) for word in counter), key)
        assert [word.tolist() for word in drawn] == [[word] * copies for word in words]


def _words(counter, key):
    """Philox4x32-10 in Python's integers."""
    a, b, c, d = counter
    for r in range(10):
        low, high = (k + r * w & _ONES for k, w in zip(key, (0x9E3779B9, 0xBB67AE85), strict=True))
        p, q = a * 0xD2511F53, c * 0xCD9E8D57
        a, b, c, d = (q >> 32) ^ b ^ low, q & _ONES, (p >> 32) ^ d ^ high, p & _ONES
    return a, b, c, d


def test_per_sample_noise_is_philox_made_normal():
    """By element, sample and step, in scalars."""
    seed = int(torch.randint(2**62, (), generator=_generator()))
    z = PerSampleNoise(_generator()).rows(2**33, 2**33 + 3)
    z = z.draw(5, 2, 2, torch.empty(3, 3, dtype=torch.float64))
    for step, channel, sample, element in ((0, 0, 0, 0), (1, 0, 2, 1), (0, 1, 1, 2), (1, 1, 0, 0)):
        block, place = divmod(3 * channel + element, 4)
        words = _words((block, 2, sample, 5 + step), (seed & _ONES, seed >> 32))
        u, v = ((word + 0.5) / 2**32 for word in words[place // 2 * 2 :][:2])
        wave = math.sin if place % 2 else math.cos
        expected = math.sqrt(-2 * math.log(u)) * wave(2 * math.pi * v)
        assert z[step, channel, sample, element].item() == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("event", [(1,), (2,), (7,), (3, 5, 5)])
def test_per_sample_noise_is_the_same_bit_for_bit_however_it_is_drawn(event, dtype, monkeypatch):
    noise, like = PerSampleNoise(_generator()), torch.empty(33, *event, dtype=dtype)
    whole = noise.draw(0, 20, 2, like)
    for size in (1, 2, 7, 32):
        chunks = [(first, min(first + size, 33)) for first in range(0, 33, size)]
        for first, last in reversed(chunks):  # in any order
            part = noise.rows(first, last).draw(0, 20, 2, like[first:last])
            assert torch.equal(part, whole[:, :, first:last])
    for step in (19, 0, 7):
        assert torch.equal(noise.draw(step, 1, 2, like)[0], whole[step])
    assert torch.equal(noise.rows(5, 20).rows(3, 9).draw(0, 20, 2, like[:6]), whole[:, :, 8:14])
    assert torch.equal(noise.draw(0, 20, 1, like), whole[:, :1])
    monkeypatch.setattr(per_sample, "_PIECE_CPU", 100)
    assert torch.equal(noise.draw(0, 20, 2, like), whole)
    double = noise.draw(0, 20, 2, like.double())
    assert torch.equal(double.to(dtype), whole)


@pytest.mark.gpu
def test_per_sample_noise_is_the_same_on_another_device():
    """To rounding: devices have logarithms and cosines of their own."""
    noise, like = PerSampleNoise(_generator()), torch.empty(33, 7, dtype=torch.float64)
    there = noise.draw(0, 20, 2, like.cuda())
    torch.testing.assert_close(there.cpu(), noise.draw(0, 20, 2, like), rtol=0, atol=1e-12)


def test_per_sample_noise_does_not_repeat_where_a_word_of_the_counter_overflows():
    noise, like = PerSampleNoise(_generator()), torch.empty(2, 2)
    rows = [noise.rows(first, first + 2).draw(0, 1, 1, like) for first in (0, 2**32, 2**33)]
    assert not any(torch.equal(rows[i], rows[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


def test_per_sample_noise_is_normal_to_its_tails():
    n = 400_000
    z = (
        PerSampleNoise(_generator())
        .draw(0, 1, 1, torch.empty(n, 1, dtype=torch.float64))
        .flatten()
    )
    assert stats.kstest(z.numpy(), "norm").pvalue > 1e-3
    for sigmas in (2.0, 3.0, 4.0):
        expected = 2 * n * stats.norm.sf(sigmas)
        assert abs((z.abs() > sigmas).sum().item() - expected) < 4.5 * math.sqrt(expected)


class _Decay(Process):
    """A linear drift with noise."""

    noise_type = "additive"

    def drift(self, t, x):
        return -x

    def diffusion(self, t):
        return 0.5 + 0.5 * t


def test_antithetic_pairs_of_a_linear_equation_average_to_its_flow():
    nodes, start = times(0.0, 0.2, 0.3, 1.0), torch.ones(3, 2, dtype=torch.float64)
    plan, still = EulerMaruyama().plan(_Decay(), nodes), torch.zeros(3, 1, 3, 2).double()
    end = integrate(plan, torch.cat([start, start]), noise=AntitheticNoise(_generator()))
    flow = integrate(plan, start, noise=FixedNoise(still))
    torch.testing.assert_close((end[:3] + end[3:]) / 2, flow, rtol=0, atol=1e-15)
    assert (end[:3] - flow).abs().min() > 1e-3


def test_antithetic_noise_takes_its_half_from_a_source():
    noise = AntitheticNoise(_generator(), source=PerSampleNoise)
    half = PerSampleNoise(_generator()).draw(3, 2, 1, torch.empty(2, 5))
    z = noise.draw(3, 2, 1, torch.empty(4, 5))
    assert torch.equal(z, torch.cat([half, -half], dim=2))
    assert noise.ahead == PerSampleNoise.ahead and AntitheticNoise().ahead == GeneratorNoise.ahead


def test_antithetic_noise_refuses_what_would_break_a_pair():
    rule = r"^AntitheticNoise\.draw\.like: expected an even number of samples, got 5$"
    with pytest.raises(ValueError, match=rule):
        AntitheticNoise().draw(0, 1, 1, torch.empty(5, 2))
    calls = []
    model = _model(lambda *_: calls.append(None))
    sampler = partial(_sde, noise=AntitheticNoise)
    rule = r"^AntitheticNoise\.rows\.first: expected 0, as a pair lies half a batch apart, got 4; "
    with pytest.raises(ValueError, match=rule):
        model.sample(8, chunk_size=4, sampler=sampler)
    assert calls == []  # before the first chunk is integrated
    assert len(model.sample(8, sampler=sampler).x) == 8


def _model(hook=None):
    torch.manual_seed(1)
    net = MLP(event_shape=(2,), heads=1, hidden=64, depth=2)
    if hook is not None:
        net.register_forward_pre_hook(hook)
    fields = Fields(net=net, interpolant=OneSidedLinearInterpolant(), predicts=["velocity"])
    return Model(fields=fields, event_shape=(2,))


def _ode(*, fields, noise=PerSampleNoise):
    return Sampler(fields=fields, process=ProbabilityFlow, solver=Heun(), num_steps=4, noise=noise)


def _sde(*, fields, noise=PerSampleNoise):
    return Sampler(
        fields=fields,
        process=ForwardSDE,
        epsilon=SineSquaredEpsilon(c=0.2),
        solver=StochasticHeun(),
        num_steps=4,
        noise=noise,
    )


@pytest.mark.parametrize("n", [30, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("sampler", [_ode, _sde])
def test_samples_do_not_depend_on_the_chunks_they_are_integrated_in(sampler, n):
    """Starts and noise are the same bit for bit. States are so to the rounding of the network's
    matrix products, whose order of summation depends on the batch: a few ulps of float32 a step.
    """
    x = {size: _model().sample(n, chunk_size=size, sampler=sampler).x for size in (1, 7, n)}
    assert x[n].std() > 0.1
    for size in (1, 7):
        torch.testing.assert_close(x[size], x[n], rtol=0, atol=1e-5)


def test_samples_depend_on_the_chunks_where_a_generator_is_shared():
    sampler = partial(_sde, noise=GeneratorNoise)
    whole, chunks = (_model().sample(30, chunk_size=k, sampler=sampler).x for k in (30, 7))
    assert (whole - chunks).abs().max() > 0.1


class _Faulty(Noise):
    def __init__(self, generator, fault):
        self.noise, self.fault, self.first = PerSampleNoise(generator), fault, 0
        if fault == "generator":
            self.noise = PerSampleNoise(_generator())
        self.ahead = 0 if fault == "ahead" else 2

    def rows(self, first, last):
        if self.fault == "samples":
            return self
        part = _Faulty(_generator(), self.fault)
        part.noise = self.noise if self.fault == "rows" else self.noise.rows(first, last)
        if self.fault == "every row":
            part.noise = self.noise.rows(first + 1, last + 1)
        return part

    def draw(self, step, count, channels, like):
        z = self.noise.draw(0 if self.fault == "step" else step, count, channels, like)
        change = _CHANGES.get(self.fault)
        return z if change is None else change(z, like)


_CHANGES = {
    "shape": lambda z, like: z.movedim(1, 0),
    "dtype": lambda z, like: z.double(),
    "state": lambda z, like: torch.randn_like(z),
    "like": lambda z, like: z + 0 * like,
    "gradients": lambda z, like: z.requires_grad_(),
    "count": lambda z, like: z.flip(0),
    "mean": lambda z, like: z + 0.1,
    "variance": lambda z, like: 1.1 * z,
    "skewed": lambda z, like: (z.square() - 1) / math.sqrt(2),
    "signs": lambda z, like: z.sign(),
    "channels": lambda z, like: z[:, :1].expand_as(z),
    "elements": lambda z, like: z[..., :1].expand_as(z),
    "samples": lambda z, like: z[:, :, :1].expand_as(z),
}


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        ("ahead", "ahead: less than one step"),
        ("shape", "draw: shape"),
        ("dtype", "draw: torch.float64 for a state of torch.float32"),
        ("state", "draw: not determined by its arguments alone"),
        ("generator", "the same from any generator"),
        ("like", "draw: not finite"),
        ("gradients", "draw: records gradients"),
        ("count", "depends on how many steps are drawn together"),
        ("step", "depends on how many steps are drawn together"),
        ("rows", "rows: 2 to 6 draw something else"),
        ("every row", "rows: all of them draw something else"),
        ("mean", "distribution: moment 1"),
        ("variance", "distribution: moment 2"),
        ("skewed", "distribution: moment 3"),
        ("signs", "distribution: moment 4"),
        ("channels", "distribution: product of two channels"),
        ("elements", "distribution: "),
        ("samples", "distribution: product of two samples"),
    ],
)
def test_noise_contract_finds(fault, match):
    with pytest.raises(AssertionError, match=match):
        check_noise(partial(_Faulty, fault=fault))


def test_noise_contract_is_kept_without_a_fault():
    check_noise(partial(_Faulty, fault=""))
