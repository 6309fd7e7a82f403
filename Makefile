# For a machine with Python 3.11+, git and make: `make train`, `make test`, `make bench`,
# `make wheel-test`, which builds the archives and tries the installed wheel, `make docs`, which
# builds the documentation into build/docs, `make docs-look`, which takes pictures of its pages by a
# browser, `make runs-look`, which does so of the page of a sweep of six runs, and `make gpu`, for a
# machine with a GPU: its tests and its speed.
# constraints.txt holds the tested set of versions; pass extra arguments with ARGS="...".
PYTHON ?= python3
BIN := .venv/bin

.PHONY: train test bench wheel-test docs docs-look runs-look gpu

train: .venv/.train
	$(BIN)/python train.py $(ARGS)

test: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -m "not slow" -n 2 --dist loadfile $(ARGS)

wheel-test: .venv/.test
	$(BIN)/python -m pytest -q tests/test_wheel.py $(ARGS)

bench: .venv/.bench
	$(BIN)/python -m benchmarks $(ARGS)

docs: .venv/.docs
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs $(ARGS)
	@echo "open build/docs/index.html"

docs-look: docs
	$(BIN)/python docs/look.py build/docs build/look $(ARGS)

runs-look: .venv/.train
	rm -rf build/runs
	$(BIN)/interpolants train -m interpolant=linear,trigonometric seed=0,1,2 data=moons max_steps=1000 \
		validate_every=100 sample_every=500 report_size=2000 hydra.sweep.dir=build/runs $(ARGS)
	$(BIN)/interpolants runs build/runs html=build/runs.html
	$(BIN)/python docs/look.py build build/look runs

# In the Python that has the CUDA build of torch. Packages that it lacks come from a folder of wheels:
# make gpu PYTHON=python WHEELS=wheels
gpu:
	$(if $(WHEELS),$(PYTHON) -m pip install -q --no-index --no-deps --upgrade --target build/gpu $(WHEELS)/*.whl)
	PYTHONPATH=.:build/gpu $(PYTHON) -m pytest -q -m gpu $(ARGS)
	PYTHONPATH=.:build/gpu $(PYTHON) -m benchmarks.gpu

.venv/bin/python:
	$(PYTHON) -m venv .venv || { echo "python3 -m venv failed: on Debian or Ubuntu run 'apt install python3-venv'"; exit 1; }

.venv/.train: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/.test: .venv/.train
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

.venv/.docs: .venv/.train
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@

.venv/.bench: .venv/.train
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[bench]'
	touch $@
