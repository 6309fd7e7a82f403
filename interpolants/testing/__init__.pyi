# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .data import check_base as check_base
from .data import check_data as check_data
from .draws import check_coupling as check_coupling
from .draws import check_time_sampler as check_time_sampler
from .exact import ExactFields as ExactFields
from .exact_map import ExactMap as ExactMap
from .features import check_features as check_features
from .gauge import gauge_perturb as gauge_perturb
from .metric import check_metric as check_metric
from .net import check_net as check_net
from .noise import check_noise as check_noise
from .objective import check_objective as check_objective
from .orders import linear_moments as linear_moments
from .path import check_gamma as check_gamma
from .path import check_interpolant as check_interpolant
from .problems import Breathing as Breathing
from .problems import Charted as Charted
from .problems import ExactFlow as ExactFlow
from .problems import GaussianSDE as GaussianSDE
from .problems import Turning as Turning
from .schedule import check_epsilon as check_epsilon
from .schedule import check_grid as check_grid
from .schedule import check_weight as check_weight
from .solver import check_solver as check_solver
from .space import check_space as check_space
