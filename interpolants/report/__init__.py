"""Reports: samples beside real data, with metrics, figures and files."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(
    __name__,
    "report.compare",
    "report.measure",
    "report.write_report",
)
