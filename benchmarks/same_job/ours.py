"""The README's three lines: a stochastic interpolant, its velocity and its denoiser."""

import interpolants as si


def train(x, path, seed):
    model = si.fit(x, max_steps=2_000, seed=seed)
    model.save(path)


def ode(path, n, seed):
    return si.load(path).sample(n, seed=seed, num_steps=16).x


def sde(path, n, seed):
    from functools import partial

    from interpolants.sampler.epsilon import SineSquaredEpsilon
    from interpolants.sampler.solver import SRA1

    forward = {"process": si.ForwardSDE, "epsilon": SineSquaredEpsilon()}
    sampler = partial(si.Sampler, **forward, solver=SRA1())
    return si.load(path).sample(n, seed=seed, sampler=sampler, num_steps=64).x
