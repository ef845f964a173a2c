# Needs Python >= 3.11, git and make; everything else is installed into .venv.

PYTHON ?= python3
VENV := .venv
JOBS := 1
A := HEAD
B := workspace
# Tests of one file stay with one worker.
SPREAD := -n logical --maxprocesses 4 --dist loadfile
BIN := $(abspath $(VENV))/bin
# DVC runs `python -m stages.<name>`: that must be the one of .venv.
export PATH := $(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help study published verify test test-slow lint bench sql compare plan readme questions lock clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

study: $(VENV)/installed ## the study: what params.yaml asks for and is not there yet (JOBS=2: two cells at a time)
	@python -m induction.cli.study --jobs $(JOBS)

published: $(VENV)/installed ## the study and the published run: three seeds, variations, controls (JOBS=n, too)
	@python -m induction.cli.study --published --jobs $(JOBS)

verify: $(VENV)/installed ## whether all on disk is what dvc.lock, params.yaml and the code say
	@python -m induction.cli.verify

test: $(VENV)/installed ## the tests
	@python -m pytest $(SPREAD)

test-slow: $(VENV)/installed ## hundreds of kills, remotes, every rerun rule
	@python -m pytest $(SPREAD) -m slow

lint: $(VENV)/installed ## the linter
	@ruff check .
	@ruff format --check .
	@python -m induction.pipeline.plan --check

bench: $(VENV)/installed ## the inner loops alone: training, losses, ablations
	@python -m induction.cli.bench

sql: $(VENV)/installed ## a prompt with one view per table
	@python -m induction.cli.query

compare: $(VENV)/installed ## what changed: make compare A=HEAD~1 B=workspace
	@python -m induction.cli.compare "$(A)" "$(B)"

plan: $(VENV)/installed ## write dvc.yaml anew from params.yaml and stages/
	@python -m induction.pipeline.plan

questions: $(VENV)/installed ## write the answers of docs/questions.md from the tables
	@python -m induction.cli.questions

readme: $(VENV)/installed ## write the numbers of README.md from the reports
	@python -m induction.cli.readme

lock: ## pin what the pins need: write constraints.txt from .venv as it is
	@$(BIN)/pip freeze --exclude pip --exclude setuptools | sed 's/+.*//' > constraints.txt

clean: ## remove what is half-done, training states too; data/, reports/ and the cache stay
	@rm -rf .scratch .pytest_cache .ruff_cache

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON) is older than 3.11; run make PYTHON=python3.11 (or newer)" >&2; exit 1; }
	@echo "installing into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check pip==26.3
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
		--constraint constraints.txt --group dev
	@touch $@
