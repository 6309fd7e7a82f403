# For a machine with Python 3.11+, git and make: `make train`, `make test`, `make bench`, and
# `make wheel-test`, which builds the archives and tries the installed wheel.
# constraints.txt holds the tested set of versions; pass extra arguments with ARGS="...".
PYTHON ?= python3
BIN := .venv/bin

.PHONY: train test bench wheel-test

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

.venv/bin/python:
	$(PYTHON) -m venv .venv || { echo "python3 -m venv failed: on Debian or Ubuntu run 'apt install python3-venv'"; exit 1; }

.venv/.train: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/.test: .venv/.train
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

.venv/.bench: .venv/.train
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[bench]'
	touch $@
