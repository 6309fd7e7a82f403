"""The configurations that are compared, as the older checkouts spell their settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Renamed:
    """A prefix of overrides that newer checkouts spell differently.

    Args:
        old, new: the prefix, such as "model/".
        since: a file or folder that a checkout has if, and only if, it has the new spelling.
    """

    old: str
    new: str
    since: str


# Applied in this order.
RENAMED = (
    Renamed(old="model=", new="neural_sde=", since="conf/neural_sde"),
    Renamed(old="model/", new="neural_sde/", since="conf/neural_sde"),
    Renamed(old="model.", new="neural_sde.", since="conf/neural_sde"),
    Renamed(
        old="sampler/epsilon=gamma",
        new="sampler/epsilon=noise_level",
        since="conf/sampler/epsilon/noise_level.yaml",
    ),
    Renamed(old="seen=", new="context_length=", since="conf/neural_sde"),
)


def spelt_for(checkout: Path, overrides: str) -> list[str]:
    """The overrides, separated by spaces, as this checkout spells them."""
    words = overrides.split()
    for name in RENAMED:
        if (checkout / name.since).exists():
            words = [_replaced(word, name) for word in words]
    return words


def _replaced(word: str, name: Renamed) -> str:
    return name.new + word.removeprefix(name.old) if word.startswith(name.old) else word


@dataclass(frozen=True, kw_only=True)
class Case:
    """A configuration to train, and ways to sample the trained model.

    Args:
        name: for `--only` and the line of the result.
        train: overrides of `train.py` beside TRAIN; {pairs} is a file with paired ends.
        samples: overrides of `sample.py` beside SAMPLE, for each time that it runs.
    """

    name: str
    train: str
    samples: tuple[str, ...]


# With a short EMA, so that samples depend on what was trained.
TRAIN = (
    "threads=1 seed=1 max_steps=40 steps_per_batch=10 batch_size=64 ema=0.9 log_every=10"
    " validate_every=20 sample_every=40 checkpoint_every=20 validation_size=128 report_size=128"
)
SAMPLE = "threads=1 seed=2 n=100"
_SERIES = "max_steps=20 batch_size=8 validation_size=16 report_size=16"
_IMAGES = "max_steps=20 batch_size=16 metric=[energy_distance]"

CASES = (
    Case(
        name="two_sided",
        train="experiment=moons_from_eight_gaussians",
        samples=(
            "sampler=ode sampler/solver=ab2 sampler/grid=uniform",
            "sampler=ode_backward sampler/solver=dormand_prince weights=raw",
            "sampler=sde sampler/noise=per_sample chunk_size=64",
            "sampler=backward sampler/solver=sra1",
        ),
    ),
    Case(
        name="one_sided",
        train="data=checkerboard interpolant=one_sided_linear power_ema=10",
        samples=(
            "sampler/solver=dpm_solver sampler/grid=log_snr weights=0.1",
            "sampler/solver=heun sampler/grid=geometric",
            "sampler=ancestral",
            "sampler=fractional_sde",
            "sampler=fractional_flow",
        ),
    ),
    Case(
        name="variance_preserving",
        train="data=rings interpolant=variance_preserving objective=score"
        " weight=noise_level time_sampler=importance",
        samples=(
            "sampler=sde sampler/epsilon=kl_optimal sampler/solver=stochastic_heun",
            "sampler=ode sampler/solver=ab3",
            "sampler=ode sampler/solver=torchdiffeq",
        ),
    ),
    Case(
        name="variance_exploding",
        train="data=pinwheel data.standardize=true interpolant=variance_exploding"
        " objective=target_mean precondition=true optimizer=adamw clip_norm=1.0",
        samples=(
            "sampler/solver=dpm_solver sampler/mode=checkpointed",
            "sampler=sde sampler/solver=sde_dpm_solver sampler/epsilon=kl_optimal",
        ),
    ),
    Case(
        name="geometric_brownian",
        train="experiment=lognormal_mixture optimizer=exponentiated_gradient",
        samples=(
            "sampler=dale_langevin",
            "sampler=ambient_euler",
            "sampler=ambient_milstein",
            "sampler=ode sampler/solver=midpoint",
        ),
    ),
    Case(
        name="annealed",
        train="experiment=lognormal_mixture objective=multiplicative_score"
        " sampler=dale_langevin_annealed sampler.num_steps=100",
        samples=(
            "sampler=dale_langevin_annealed num_steps=200",
            "sampler=ambient_annealed num_steps=50",
        ),
    ),
    Case(
        name="fractional_diffusion",
        train=f"experiment=digits_fractional net.hidden=32 net.blocks=1 {_IMAGES}",
        samples=("sampler=fractional_sde", "sampler=fractional_flow num_steps=32"),
    ),
    Case(
        name="fractional_bridge",
        train="experiment=moons_from_eight_gaussians coupling=minibatch_ot",
        samples=("sampler=fractional_bridge",),
    ),
    Case(
        name="fbm_bridge",
        train=f"experiment=fbm_bridge model.num_steps=32 {_SERIES}",
        samples=("seen=1",),
    ),
    Case(
        name="brownian_bridge",
        train=f"task=neural_sde model/driver=brownian model.num_steps=16 {_SERIES}",
        samples=("n=20",),
    ),
    Case(
        name="latent_series",
        train=f"experiment=long_memory_series data.length=16 model.control.hidden=16 {_SERIES}",
        samples=("n=20",),
    ),
    Case(
        name="linear_series",
        train=f"experiment=fou_hurst data.paths=100 data.length=16 data.horizon=15.0 {_SERIES}",
        samples=("n=20 seen=10",),
    ),
    Case(
        name="moving_digits",
        train="experiment=moving_digits data.frames=6 model.encoder.features=8"
        f" model.decoder.features=8 {_SERIES} max_steps=4 steps_per_batch=2 batch_size=4",
        samples=("n=8 seen=3",),
    ),
    Case(
        name="digits_by_class",
        train="experiment=digits net.channels=8 net.head_channels=8 max_steps=20 batch_size=16",
        samples=(
            "label=3 sampler/solver=ab2 num_steps=8",
            "guidance=classifier_free sampler/solver=heun num_steps=8",
        ),
    ),
    Case(
        name="digits_transformer",
        train="experiment=digits net=dit net.channels=16 net.blocks=1 net.head_channels=8"
        f" data.held_out_fraction=0.3 accumulate=2 {_IMAGES}",
        samples=("sampler=ancestral num_steps=8",),
    ),
    Case(
        name="digits_with_holes",
        train="experiment=digits coupling=inpainting coupling.tiles=2 label_dropout=null"
        f" net.channels=8 net.head_channels=8 precondition=false {_IMAGES}",
        samples=("sampler/solver=heun num_steps=8",),
    ),
    Case(
        name="guidance",
        train="data=moons interpolant=one_sided_trigonometric objective=velocity"
        " label_dropout=0.2 guidance=classifier_free metric=[mmd]",
        samples=(
            "guidance=classifier_free guidance.scale=3.0 label=1",
            "guidance=classifier_free guidance.interval=[0.2,0.8] sampler=sde",
        ),
    ),
    Case(
        name="likelihood",
        train="data=gaussian_mixture objective=implicit_score"
        " interpolant=one_sided_linear time_sampler=stratified",
        samples=(
            "likelihood=flow",
            "likelihood=flow likelihood/divergence=hutchinson sampler/solver=dormand_prince",
            "likelihood=expectation sampler=sde likelihood.paths=4",
            "likelihood=feynman_kac sampler=sde likelihood.paths=4 n=20",
        ),
    ),
    Case(
        name="likelihood_two_sided",
        train="data=s_curve interpolant=trigonometric interpolant/gamma=sigmoid_difference"
        " time_sampler=beta scheduler.warmup_steps=10",
        samples=("likelihood=flow num_steps=8", "likelihood=expectation sampler=sde num_steps=16"),
    ),
    Case(
        name="optimal_transport",
        train="data=moons base=dataset coupling=minibatch_ot interpolant/gamma=zero"
        " objective=velocity objective.antithetic=false net=residual_mlp net.hidden=32",
        samples=("sampler/solver=euler num_steps=32",),
    ),
    Case(
        name="pairs",
        train="data=pairs data.path={pairs} base=dataset data@base.data=pairs"
        " base.data.path={pairs} base.data.side=x0 coupling=paired interpolant/gamma=quadratic",
        samples=("sampler=ode", "sampler=sde sampler/epsilon=gamma sampler/solver=strang"),
    ),
    Case(
        name="encoder_decoder",
        train="data=swiss_roll data.standardize=true interpolant=encoder_decoder"
        " objective=weighted_sum time_sampler=logit_normal",
        samples=("sampler=ode num_steps=32", "sampler=sde sampler/solver=torchsde num_steps=32"),
    ),
    Case(
        name="mirror",
        train="data=table interpolant=mirror objective=denoiser",
        samples=("sampler=sde sampler/solver=euler_maruyama",),
    ),
)
