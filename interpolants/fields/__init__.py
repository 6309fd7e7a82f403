"""Fields: velocity, score, denoiser and target mean from what a network predicts."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(
    __name__,
    "wasserstein.gradient_flow",
    "wasserstein.velocity_parts",
    "potentials.log_density_difference",
)
