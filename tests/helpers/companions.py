"""Further overrides that an option of the configuration needs to make a run."""

from helpers.image_files import OPTIONS

POSITIVE = ["interpolant=geometric_brownian", "space=log", "data=log_normal_mixture"]
# What an option needs beside itself, where it is not what its group needs.
COMPANIONS = {
    "interpolant/gamma=zero": ["objective=velocity"],
    "interpolant/gamma=sigmoid_difference": ["interpolant=trigonometric"],
    "objective=denoiser": ["interpolant=one_sided_linear"],
    "objective=mean_velocity": ["interpolant/gamma=zero"],
    "objective=multiplicative_score": ["interpolant=geometric_brownian"],
    "objective=implicit_score": ["interpolant=one_sided_linear"],
    "objective=score": ["interpolant=one_sided_linear"],
    "objective=target_mean": ["interpolant=one_sided_linear"],
    "sampler=ambient_annealed": POSITIVE,
    "sampler=ambient_euler": POSITIVE,
    "sampler=ambient_milstein": POSITIVE,
    "sampler=ancestral": ["interpolant=geometric_brownian"],
    "sampler=dale_langevin": ["interpolant=geometric_brownian"],
    "sampler=dale_langevin_annealed": ["interpolant=geometric_brownian"],
    "sampler=fractional_ancestral": ["interpolant=one_sided_linear"],
    "sampler=fractional_flow": ["interpolant=one_sided_linear"],
    "sampler=fractional_sde": ["interpolant=one_sided_linear"],
    "sampler/grid=fractional": ["interpolant=one_sided_linear"],
    "sampler/solver=ancestral": ["sampler=ancestral", "interpolant=one_sided_linear"],
    "sampler/solver=dpm_solver": ["interpolant=one_sided_linear"],
    "sampler/solver=sde_dpm_solver": ["sampler=ancestral", "interpolant=one_sided_linear"],
    "sampler/grid=log_snr": ["interpolant=one_sided_linear"],
    "sampler/epsilon=constant": ["sampler=backward"],
    "sampler/epsilon=kl_optimal": ["sampler=sde", "interpolant=one_sided_linear"],
    "data=array": ["data.path=rows.npy"],
    "data=file": ["data.path=rows.csv"],
    "base=dataset": ["data@base.data=moons"],
    "base=class_average": ["data=moons"],
    "data=pairs": ["data.path=pairs.npz"],
    "data=time_series": ["data.path=rows.csv", "data.length=8"],
    "space=log": ["data=table"],
    "space=logit": ["data=table", "space.high=2e3"],
    "space=signed_log": ["data=table"],
    "coupling=paired": [
        "data=pairs",
        "data.path=pairs.npz",
        "base=dataset",
        "data@base.data=pairs",
        "base.data.path=pairs.npz",
        "base.data.side=x0",
    ],
}
COMPANIONS |= {f"data={stem}": [f"data.{key}={path}"] for stem, (key, path) in OPTIONS.items()}
# What parts of a neural SDE go with, beside a small data set of series.
SERIES = ["task=neural_sde", "data=fractional_ou", "data.length=5"]
VIDEO_SIZES = [
    *("data.frames=4", "data.canvas=32", "data.digit_size=16", "report_size=8"),
    *("neural_sde.encoder.features=8", "neural_sde.decoder.features=8"),
]
_VIDEO = [
    *("task=neural_sde", "data=moving_digits_small", *VIDEO_SIZES),
    *(
        "neural_sde/encoder=video",
        "neural_sde/decoder=video",
        "neural_sde.latent=3",
        "neural_sde.guide=false",
    ),
]
_IMAGE = ["data=digits", "interpolant=one_sided_linear", "objective=velocity"]
COMPANIONS |= {
    "coupling=inpainting": [*_IMAGE, "net=unet"],
    "coupling=super_resolution": [*_IMAGE, "net=unet"],
    "guidance=classifier_free": ["data=moons", "label_dropout=0.1"],
    "net=dit": _IMAGE,
    "net=torch_module": [
        *("objective=velocity", "interpolant=one_sided_linear"),
        "net.module._target_=helpers.plain_nets.PlainMLP",
    ],
    **dict.fromkeys(("net=unet", "net=unet_cifar10", "net=unet_digits", "net=unet_mnist"), _IMAGE),
    "metric=frechet_distance": ["data=digits"],
    "metric=kernel_distance": ["data=digits"],
    "metric=precision_recall": ["data=digits"],
    "neural_sde/decoder=video": _VIDEO,
    "neural_sde/diffusion=coordinate": [*SERIES, "neural_sde.guide=false"],
    "neural_sde/encoder=video": _VIDEO,
    "task=interpolant": [],
}
# Parts of flow maps; what distils needs a trained run, and has a test of its own.
_MAP = ["task=flow_map", "sampler/solver=jump"]
_MAPS = {
    "objective": ("consistency", "lagrangian", "mean_flow", "semigroup"),
    "sampler": ("flow_map",),
    "sampler/solver": ("jump",),
    "time_sampler": ("logit_normal_pairs", "uniform_pairs"),
}
_NOISY_MAP = ["task=flow_map", "interpolant=one_sided_linear"]
COMPANIONS |= {f"{group}={stem}": _MAP for group, stems in _MAPS.items() for stem in stems}
_GUIDED = ["task=flow_map", "data=moons", "label_dropout=0.1", "objective.largest_scale=4"]
COMPANIONS |= {
    "task=flow_map": [],
    "guidance=map_guidance": _GUIDED,
    "sampler/solver=renoise": ["task=flow_map", "interpolant=linear"],
    "sampler=flow_map_sde": _NOISY_MAP,
    "sampler/solver=strang_map": [*_NOISY_MAP, "sampler=flow_map_sde"],
    "time_sampler=dyadic_pairs": [*_MAP, "objective=semigroup"],
    "time_sampler=end_pairs": [*_MAP[:1], "objective=consistency", "sampler/solver=renoise"],
}
