# On a fresh machine two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
DEMO := build/demo
IMAGE ?=

.PHONY: demo test lint types check format clean

demo: $(VENV)/plain.stamp  ## Caption two phantoms, and IMAGE= (a file or folder) where one is named.
	@$(BIN)/python examples/draw_phantoms.py $(DEMO)
	@$(BIN)/radscribe caption $(DEMO)/normal $(DEMO)/abnormal $(IMAGE)

test: $(VENV)/dev.stamp  ## All unit tests.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp
	$(BIN)/mypy

check: lint types test  ## What CI runs.

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/plain.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing radscribe (plain: no torch) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing radscribe with what training and the tests need ..."
	@$(PIP) --editable ".[train,serve,dev]"
	@touch $@ $(VENV)/plain.stamp
