"""What pyproject.toml cannot say: `conf/` is installed as `interpolants/conf`."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["interpolants*"]), "interpolants.conf"],
    package_dir={"interpolants.conf": "conf"},
    package_data={
        "interpolants": ["py.typed", "data/files/*"],
        "interpolants.conf": ["**/*.yaml"],
    },
)
