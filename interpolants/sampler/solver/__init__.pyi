# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .ab2 import AB2 as AB2
from .ab2_maruyama import AB2Maruyama as AB2Maruyama
from .ab3 import AB3 as AB3
from .ancestral import Ancestral as Ancestral
from .annealed import Annealed as Annealed
from .base import PlannedSolver as PlannedSolver
from .base import Solver as Solver
from .dormand_prince import DormandPrince as DormandPrince
from .dpm_solver import DPMSolver as DPMSolver
from .euler import Euler as Euler
from .euler_maruyama import EulerMaruyama as EulerMaruyama
from .euler_maruyama_diagonal import EulerMaruyamaDiagonal as EulerMaruyamaDiagonal
from .exponential import ExponentialSolver as ExponentialSolver
from .heun import Heun as Heun
from .jump import Jump as Jump
from .linear_gaussian import LinearGaussian as LinearGaussian
from .log_euler import LogEuler as LogEuler
from .midpoint import Midpoint as Midpoint
from .milstein import Milstein as Milstein
from .multistep import MultistepSolver as MultistepSolver
from .renoise import Renoise as Renoise
from .rk4 import RK4 as RK4
from .sde_dpm_solver import SDEDPMSolver as SDEDPMSolver
from .sra1 import SRA1 as SRA1
from .stochastic_heun import StochasticHeun as StochasticHeun
from .strang import Strang as Strang
from .strang_map import StrangMap as StrangMap
from .torchdiffeq import Torchdiffeq as Torchdiffeq
from .torchsde import Torchsde as Torchsde
