"""What pyproject.toml cannot say: `conf/` of the repository is `interpolants/conf` when installed."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["interpolants*"]), "interpolants.conf"],
    package_dir={"interpolants.conf": "conf"},
    package_data={
        "interpolants": ["py.typed", "data/files/*"],
        "interpolants.conf": ["**/*.yaml"],
    },
)
