"""Flow matching by this package, the method of the scripts beside this one."""

import interpolants as si


def train(x, path, seed):
    flow = {"interpolant": "one_sided_linear", "objective": "velocity"}
    model = si.fit(x, "objective.antithetic=false", **flow, max_steps=2_000, seed=seed)
    model.save(path)


def ode(path, n, seed):
    return si.load(path).sample(n, seed=seed, num_steps=16).x


def sde(path, n, seed):
    from benchmarks.same_job import ours

    return ours.sde(path, n, seed)
