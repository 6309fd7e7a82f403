"""The same job by this package and by others: train, average, save, load and sample.

Each script is what a user of that package writes, without annotations: `train(x, path, seed)`,
`ode(path, n, seed)` and, if the package samples SDEs, `sde(path, n, seed)`.
"""
