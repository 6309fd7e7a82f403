"""Optional packages, which the extras of this one install."""

from __future__ import annotations

# Extra of pyproject.toml that installs a package, by the name that is imported.
_EXTRAS = {"diffusers": "diffusers", "tensorboard": "tensorboard", "mlflow": "mlflow"}


def missing(error: BaseException) -> str:
    """First line of a failed import, with the command that installs an optional package."""
    text = str(error).partition("\n")[0]
    extra = _EXTRAS.get(str(getattr(error, "name", None)).partition(".")[0])
    install = f"; pip install 'interpolants[{extra}]'"
    return text + (install if isinstance(error, ModuleNotFoundError) and extra else "")
