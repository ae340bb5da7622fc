# make run: the first result. make test: the whole test suite. make help: everything else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=

.DEFAULT_GOAL := help

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,zh]' -c constraints.txt
	touch $@

.PHONY: install run test slow lint bench help clean

install: $(VENV)/.installed  ## virtual environment with pinned versions in .venv

run: install  ## solve Burgers' equation with a network; shows metrics, claims and where the figure is
	$(BIN)/python -m baselines.pinn_pde $(ARGS)

test: install  ## the whole test suite on two cores (slow tests: make slow)
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

slow: install  ## the tests that take longer
	$(BIN)/python -m pytest -m slow $(ARGS)

bench: install  ## run what is missing and write every table (suite=smoke|standard|paper with ARGS=...)
	$(BIN)/python -m benchmarks $(ARGS)

lint: install  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:  ## remove the virtual environment (results stay)
	rm -rf $(VENV)

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12
