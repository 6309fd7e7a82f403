# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .animation import animate as animate
from .figure_info import FigureInfo as FigureInfo
from .images import plot_classes as plot_classes
from .images import plot_images as plot_images
from .loss import plot_loss as plot_loss
from .samples import plot_samples as plot_samples
from .snapshots import plot_snapshots as plot_snapshots
from .style import save as save
from .time_series import plot_errors as plot_errors
from .time_series import plot_time_series as plot_time_series
from .trajectories import plot_trajectories as plot_trajectories
from .video import plot_frames as plot_frames
