# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import FieldObjective as FieldObjective
from .base import Losses as Losses
from .base import Objective as Objective
from .base import Regression as Regression
from .consistency import ConsistencyObjective as ConsistencyObjective
from .denoiser import DenoiserObjective as DenoiserObjective
from .explicit_score import ExplicitScoreObjective as ExplicitScoreObjective
from .guidance_scales import GuidanceScales as GuidanceScales
from .implicit_score import ImplicitScoreObjective as ImplicitScoreObjective
from .lagrangian import LagrangianObjective as LagrangianObjective
from .learned_weight import LearnedWeight as LearnedWeight
from .map_objective import Diagonal as Diagonal
from .map_objective import Jump as Jump
from .map_objective import MapObjective as MapObjective
from .map_regression import MapRegression as MapRegression
from .mean_flow import MeanFlowObjective as MeanFlowObjective
from .mean_velocity import MeanVelocityObjective as MeanVelocityObjective
from .multiplicative_score import MultiplicativeScoreObjective as MultiplicativeScoreObjective
from .score import ScoreObjective as ScoreObjective
from .semigroup import SemigroupObjective as SemigroupObjective
from .step_loss import BatchSlice as BatchSlice
from .step_loss import MicroBatch as MicroBatch
from .step_loss import StepLoss as StepLoss
from .target_mean import TargetMeanObjective as TargetMeanObjective
from .teacher import Teacher as Teacher
from .trainable import Trainable as Trainable
from .velocity import VelocityObjective as VelocityObjective
from .velocity_and_denoiser import VelocityAndDenoiserObjective as VelocityAndDenoiserObjective
from .weighted_sum import WeightedSumObjective as WeightedSumObjective
