"""Exponentiated gradient: the update, preserved signs, and the distribution of weights."""

import copy
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import kstest, skew

import interpolants as si
from interpolants.data.moons import Moons
from interpolants.optimizer.exponentiated_gradient import ExponentiatedGradient
from interpolants.utils.seeds import keyed_generator

_SHAPES = [(3, 4), (4,), (), (2, 1, 2)]


def _weights(dtype=torch.float64):
    return [
        torch.randn(shape, generator=keyed_generator(1, k), dtype=torch.float64)
        .to(dtype)
        .requires_grad_()
        for k, shape in enumerate(_SHAPES)
    ]


def _give_gradients(weights, step, scale=1.0):
    for k, w in enumerate(weights):
        generator = keyed_generator(2, step, k)
        w.grad = (scale * torch.randn(w.shape, generator=generator, dtype=torch.float64)).to(w)


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_exponentiated_gradient_takes_the_step_written_by_hand(momentum):
    weights = _weights()
    optimizer = ExponentiatedGradient(weights, lr=0.7, momentum=momentum, max_exponent=0.5)
    expected = [w.detach().clone() for w in weights]
    sums = [torch.zeros_like(w) for w in expected]
    clamped = 0
    for step in range(5):
        _give_gradients(weights, step)
        for k, w in enumerate(weights):
            sums[k] = momentum * sums[k] + w.grad
            exponent = -0.7 * expected[k].sign() * sums[k]
            clamped += int((exponent.abs() > 0.5).sum())
            expected[k] = expected[k] * exponent.clamp(-0.5, 0.5).exp()
        optimizer.step()
        for w, e in zip(weights, expected, strict=True):
            torch.testing.assert_close(w.detach(), e, rtol=1e-14, atol=0)
    assert 0 < clamped < 5 * sum(w.numel() for w in weights)


def test_exponentiated_gradient_is_descent_at_the_rate_of_the_size_to_first_order():
    errors = []
    for lr in (1e-2, 1e-3, 1e-4):
        weights = _weights()
        before = [w.detach().clone() for w in weights]
        _give_gradients(weights, 0)
        ExponentiatedGradient(weights, lr=lr, momentum=0.0, max_exponent=1.0).step()
        off = [
            ((w.detach() - b) / lr + b.abs() * w.grad).abs().max()
            for w, b in zip(weights, before, strict=True)
        ]
        errors.append(float(torch.stack(off).max()))
    assert errors[0] < 0.1
    # What is left is of the order of lr.
    assert all(9 < a / b < 11 for a, b in pairwise(errors))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("direction", [1, -1])
def test_exponentiated_gradient_keeps_weights_normal_numbers_of_their_sign(dtype, direction):
    w = torch.tensor([0.3, -2.0, 1e-30, -1e30], dtype=dtype).requires_grad_()
    signs, optimizer = w.detach().sign(), ExponentiatedGradient([w], lr=1.0, max_exponent=1.0)
    for _ in range(1000):
        w.grad = direction * math.inf * signs
        optimizer.step()
        assert torch.equal(w.detach().sign(), signs)
    limit = torch.finfo(dtype).tiny if direction > 0 else torch.finfo(dtype).max
    if dtype != torch.float64:  # a thousand steps cross the range of float32
        assert (w.detach().abs() == limit).all()
    assert w.isfinite().all() and (w.detach().abs() >= torch.finfo(dtype).tiny).all()


def test_exponentiated_gradient_leaves_zeros_and_weights_without_gradient():
    w, other = torch.tensor([0.0, 1.0]).requires_grad_(), torch.ones(2, requires_grad=True)
    optimizer = ExponentiatedGradient([w, other], lr=0.1)
    for _ in range(3):
        w.grad = torch.ones(2)
        optimizer.step()
    assert w[0] == 0 and w[1] < 1
    assert torch.equal(other, torch.ones(2))


def test_exponentiated_gradient_continues_from_its_state():
    weights = _weights()
    optimizer = ExponentiatedGradient(weights, lr=0.3, momentum=0.9)
    _give_gradients(weights, 0)
    optimizer.step()
    others = [w.detach().clone().requires_grad_() for w in weights]
    other = ExponentiatedGradient(others, lr=9.0, momentum=0.1)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for some, one in ((weights, optimizer), (others, other)):
        _give_gradients(some, 1)
        one.step()
    assert all(torch.equal(w, o) for w, o in zip(weights, others, strict=True))


def test_exponentiated_gradient_groups_have_options_of_their_own():
    one, two = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    groups = [{"params": [one]}, {"params": [two], "lr": 0.2}]
    optimizer = ExponentiatedGradient(groups, lr=0.1, momentum=0.0, max_exponent=1.0)
    one.grad, two.grad = torch.ones(1), torch.ones(1)
    optimizer.step()
    torch.testing.assert_close(torch.cat([one, two]).log(), torch.tensor([-0.1, -0.2]))


def test_exponentiated_gradient_takes_a_closure():
    w = torch.tensor([2.0]).requires_grad_()
    optimizer = ExponentiatedGradient([w], lr=0.1, momentum=0.0, max_exponent=1.0)

    def closure():
        optimizer.zero_grad()
        loss = w.square().sum()
        loss.backward()
        return loss.item()

    assert optimizer.step(closure) == 4.0
    assert w.item() == pytest.approx(2 * math.exp(-0.4))


def test_exponentiated_gradient_trains_a_network_whose_weights_keep_their_signs():
    data, objective = Moons(), si.VelocityAndDenoiserObjective()
    torch.manual_seed(0)
    net = si.MLP(event_shape=(2,), heads=2, hidden=32, depth=2)
    path = si.LinearInterpolant()
    fields = si.Fields(net=net, interpolant=path, predicts=objective.predicts)
    signs = [p.detach().sign() for p in net.parameters()]
    optimizer = ExponentiatedGradient(net.parameters())
    losses = []
    for step in range(300):
        g, x1 = keyed_generator(3, step), data.train_batch(step, 256, seed=0).x1
        t, x0 = torch.rand(256, generator=g), torch.randn(256, 2, generator=g)
        z = torch.randn(256, 2, generator=g)
        loss = objective(fields, t, x0, x1, z).total.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        pairs = zip(net.parameters(), signs, strict=True)
        assert all(torch.equal(p.sign(), sign) for p, sign in pairs)
    # The loss of fields that are zero is 0; Adam comes to -2.5 in as many steps.
    first, last = sum(losses[:5]) / 5, sum(losses[-50:]) / 50
    assert first > -0.5 and last < -2.1


def _solve(make, seed):
    """Fit 2000 sparse positive weights to 200 noisy rows."""
    n, dim = 200, 2000
    g = keyed_generator(4, seed)
    rows = torch.randn(n, dim, generator=g) / dim**0.5
    teacher = torch.rand(dim, generator=g) * (torch.arange(dim) < dim // 20)
    target = rows @ teacher + 0.1 * torch.randn(n, generator=g)
    w = torch.full((dim,), 0.1, requires_grad=True)
    optimizer = make([w])
    for _ in range(600):
        w.grad = rows.mT @ (rows @ w.detach() - target)
        optimizer.step()
    error = (rows @ w.detach() - target).square().mean() / target.square().mean()
    assert error < 1e-4
    return w.detach().double().numpy()


def _unclamped(weights):
    return ExponentiatedGradient(weights, lr=0.5, momentum=0.0, max_exponent=1.0)


def _distance(values):
    """Kolmogorov-Smirnov distance to the normal distribution of the same mean and std."""
    return kstest((values - values.mean()) / values.std(), "norm").statistic


@pytest.mark.parametrize("seed", range(5))
def test_exponentiated_gradient_makes_weights_log_normal(seed):
    # With more weights than rows, descent ends at phi(w) = phi(start) + rows^T v, for each weight
    # a sum over rows and so close to normal, with phi(w) = w for plain descent and phi(w) = log w
    # here. Normal samples of 2000 are within 1.035 / sqrt(2000) = 0.023 in 99 of 100 cases
    # (Lilliefors); the weights of the teacher are correlated with v, which the bound leaves room
    # for. Weights of another distribution must be twice as far.
    multiplicative = _solve(_unclamped, seed)
    plain = _solve(lambda w: torch.optim.SGD(w, lr=0.3), seed)
    adam = _solve(lambda w: torch.optim.Adam(w, lr=0.01), seed)
    logs = np.log(multiplicative)
    assert (multiplicative > 0).all() and (plain < 0).any() and (adam < 0).any()
    assert _distance(logs) < 0.035 and _distance(plain) < 0.035
    for other in (multiplicative, np.log(abs(plain)), np.log(abs(adam)), adam):
        assert _distance(other) > 2 * _distance(logs)
    assert abs(skew(logs)) < 0.25 and skew(multiplicative) > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": 0.0}, "ExponentiatedGradient.lr: expected a number > 0, got 0.0"),
        ({"lr": "fast"}, "ExponentiatedGradient.lr: expected a number > 0, got 'fast'"),
        ({"momentum": 1.0}, r"ExponentiatedGradient.momentum: expected a number in \[0, 1\), got"),
        ({"max_exponent": 0}, "ExponentiatedGradient.max_exponent: expected a number > 0, got 0"),
    ],
)
def test_exponentiated_gradient_refuses(options, message):
    w = torch.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match=message):
        ExponentiatedGradient([w], **options)
    with pytest.raises(ValueError, match=message):
        ExponentiatedGradient([{"params": [w], **options}])


def test_exponentiated_gradient_refuses_complex_parameters():
    w = torch.ones(2, dtype=torch.complex64, requires_grad=True)
    rule = "ExponentiatedGradient.params: expected real parameters, got torch.complex64"
    with pytest.raises(ValueError, match=rule):
        ExponentiatedGradient([w])
