"""Figures of samples, paths, images, time series and training."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(
    __name__,
    "animation.animate",
    "images.plot_classes",
    "images.plot_images",
    "loss.plot_loss",
    "samples.plot_samples",
    "snapshots.plot_snapshots",
    "style.save",
    "time_series.plot_errors",
    "time_series.plot_time_series",
    "trajectories.plot_trajectories",
    "video.plot_frames",
)
