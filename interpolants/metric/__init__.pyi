# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Estimate as Estimate
from .base import Metric as Metric
from .base import MetricResult as MetricResult
from .base import References as References
from .discrepancy import RowMeans as RowMeans
from .energy_distance import EnergyDistance as EnergyDistance
from .feature_metric import Compared as Compared
from .feature_metric import FeatureMetric as FeatureMetric
from .frechet_distance import FrechetDistance as FrechetDistance
from .kernel_distance import KernelDistance as KernelDistance
from .mmd import MMD as MMD
from .nearest_neighbour import NearestNeighbour as NearestNeighbour
from .precision_recall import PrecisionRecall as PrecisionRecall
from .sliced_wasserstein import SlicedWasserstein as SlicedWasserstein
