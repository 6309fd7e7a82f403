"""Generative modelling with stochastic interpolants.

The names below are found on first use, so that importing the package, or one of its modules, loads
only what is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interpolants.base.gaussian import GaussianBase
    from interpolants.checkpoint.loading import load
    from interpolants.coupling.independent import IndependentCoupling
    from interpolants.fields.fields import Fields
    from interpolants.interpolant.linear import LinearInterpolant
    from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
    from interpolants.interpolant.trigonometric import TrigonometricInterpolant
    from interpolants.model.model import Model
    from interpolants.net.mlp import MLP
    from interpolants.net.residual_mlp import ResidualMLP
    from interpolants.objective.denoiser import DenoiserObjective
    from interpolants.objective.velocity import VelocityObjective
    from interpolants.objective.velocity_and_denoiser import VelocityAndDenoiserObjective
    from interpolants.sampler.process.backward_sde import BackwardSDE
    from interpolants.sampler.process.forward_sde import ForwardSDE
    from interpolants.sampler.process.probability_flow import ProbabilityFlow
    from interpolants.sampler.sampler import Sampler, Samples

    __version__: str

__all__ = [
    "MLP",
    "BackwardSDE",
    "DenoiserObjective",
    "Fields",
    "ForwardSDE",
    "GaussianBase",
    "IndependentCoupling",
    "LinearInterpolant",
    "Model",
    "OneSidedLinearInterpolant",
    "ProbabilityFlow",
    "ResidualMLP",
    "Sampler",
    "Samples",
    "TrigonometricInterpolant",
    "VelocityAndDenoiserObjective",
    "VelocityObjective",
    "__version__",
    "load",
]

_HOMES = {
    "MLP": "net.mlp",
    "BackwardSDE": "sampler.process.backward_sde",
    "DenoiserObjective": "objective.denoiser",
    "Fields": "fields.fields",
    "ForwardSDE": "sampler.process.forward_sde",
    "GaussianBase": "base.gaussian",
    "IndependentCoupling": "coupling.independent",
    "LinearInterpolant": "interpolant.linear",
    "Model": "model.model",
    "OneSidedLinearInterpolant": "interpolant.one_sided_linear",
    "ProbabilityFlow": "sampler.process.probability_flow",
    "ResidualMLP": "net.residual_mlp",
    "Sampler": "sampler.sampler",
    "Samples": "sampler.sampler",
    "TrigonometricInterpolant": "interpolant.trigonometric",
    "VelocityAndDenoiserObjective": "objective.velocity_and_denoiser",
    "VelocityObjective": "objective.velocity",
    "load": "checkpoint.loading",
}


def __getattr__(name: str) -> object:
    import importlib

    if name == "__version__":
        from importlib.metadata import version

        value: object = version(__name__)
    elif name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
