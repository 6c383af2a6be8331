# On a fresh machine these do all the set-up themselves: `make demo`, `make test`, `make docs`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
IMAGE ?=

.PHONY: demo test test-interop lint types docs check format outputs hashes sbom release-check clean

demo: $(VENV)/plain.stamp  ## Caption five films of NIH ChestX-ray14 (NIH Clinical Center), and IMAGE= if you name one.
	@$(BIN)/radscribe caption examples/films/*.jpg $(IMAGE)

test: $(VENV)/dev.stamp  ## All unit tests.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

test-interop: $(VENV)/dev.stamp  ## Tests with Orthanc, dcmtk and dicom3tools, which it installs on Debian.
	.ci/packages
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/interop

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp
	$(BIN)/mypy

docs: $(VENV)/docs.stamp  ## Build the documentation into build/site; a broken link is an error.
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

outputs: $(VENV)/plain.stamp  ## Renew the outputs of commands in README and the first pages.
	$(BIN)/python examples/outputs.py --write

check: lint types docs test  ## What CI runs.

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

hashes: $(BIN)/python  ## Renew packaging/requirements.txt: what the image installs, with hashes, at the versions of constraints.txt.
	@$(PIP) uv
	@printf '%s\n' "# What the container image installs, with the hashes of all files on PyPI. Renew after constraints.txt: make hashes" > packaging/requirements.txt
	$(BIN)/uv pip compile pyproject.toml --extra serve --extra postgres --extra oidc --extra s3 --extra interop --universal \
	  --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet --constraints constraints.txt \
	  >> packaging/requirements.txt
	@printf '%s\n' "# What CI and make test install, with the hashes of all files on PyPI, except torch, whose wheels come from an" \
	  "# index of your choice. Renew after constraints.txt: make hashes" > packaging/requirements-dev.txt
	{ grep -v '^#\|^torch==' constraints.txt; printf '%s\n' hatchling editables trove-classifiers; } | \
	  $(BIN)/uv pip compile - --no-deps --universal --python-version 3.11.5 --generate-hashes --no-header --no-annotate \
	  --quiet >> packaging/requirements-dev.txt

sbom: $(VENV)/dev.stamp  ## A software bill of materials (CycloneDX) of the environment, made at each release.
	@$(PIP) "cyclonedx-bom>=7"
	@mkdir -p build
	$(BIN)/cyclonedx-py environment $(BIN)/python --output-reproducible --output-file build/sbom.json

release-check: sbom  ## Build sdist and wheel, check them, caption with the wheel; TAG= must match the version.
	PYTHON=$(PYTHON) .ci/release $(TAG)

clean:
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/plain.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing radscribe (plain: no torch) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/docs.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing what the documentation needs ..."
	@$(PIP) --editable ".[docs]"
	@touch $@ $(VENV)/plain.stamp

$(VENV)/dev.stamp: pyproject.toml constraints.txt packaging/requirements-dev.txt | $(BIN)/python
	@echo "installing radscribe with what training and the tests need ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
	  --requirement packaging/requirements-dev.txt
	@$(PIP) --no-build-isolation --editable ".[train,serve,dev]"  # torch is all that is missing
	@touch $@ $(VENV)/plain.stamp
