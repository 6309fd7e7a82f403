# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .condition import Condition as Condition
from .conservative import Conservative as Conservative
from .dit import DiT as DiT
from .downsample import Downsample as Downsample
from .embedding import TimeEmbedding as TimeEmbedding
from .field_network import FieldNetwork as FieldNetwork
from .gap_embedding import GapEmbedding as GapEmbedding
from .guidance_embedding import GuidanceEmbedding as GuidanceEmbedding
from .image_network import ImageNetwork as ImageNetwork
from .image_network import TimeInputs as TimeInputs
from .label_embedding import LabelEmbedding as LabelEmbedding
from .map_attention import MapAttention as MapAttention
from .mlp import MLP as MLP
from .residual_block import ResidualBlock as ResidualBlock
from .residual_mlp import ResidualMLP as ResidualMLP
from .rotary_positions import RotaryPositions as RotaryPositions
from .stage import Stage as Stage
from .torch_module import TorchModule as TorchModule
from .transformer_block import TransformerBlock as TransformerBlock
from .unet import UNet as UNet
from .upsample import Upsample as Upsample
