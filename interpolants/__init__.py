"""Generative modelling with stochastic interpolants.

These are the common names; every family exports all of its own, as in
`from interpolants.sampler.solver import Heun`. Nothing is imported before it is used.
"""

from interpolants.utils.lazy import names

__getattr__, __dir__ = names(
    __name__,
    "base.GaussianBase",
    "checkpoint.load",
    "cli.fit.fit",
    "coupling.IndependentCoupling",
    "fields.Fields",
    "interpolant.LinearInterpolant",
    "interpolant.OneSidedLinearInterpolant",
    "interpolant.TrigonometricInterpolant",
    "model.Model",
    "model.SampleRequest",
    "net.MLP",
    "net.ResidualMLP",
    "neural_sde.TimeSeriesModel",
    "objective.DenoiserObjective",
    "objective.VelocityAndDenoiserObjective",
    "objective.VelocityObjective",
    "objective.time_sampler.UniformTime",
    "sampler.Sampler",
    "sampler.Samples",
    "sampler.process.BackwardSDE",
    "sampler.process.ForwardSDE",
    "sampler.process.ProbabilityFlow",
    "utils.version.__version__",
)
