# Requirements: Python 3.11 or newer, git and make. Everything else is installed into .venv.

PYTHON ?= python3
VENV := .venv
# Cells at a time: 1 here, all on a cluster, unless it is set.
JOBS :=
# A cluster: make study ON=slurm SHARED=/lab/x JOBS=20 SLURM="--gres=gpu:1 --time=12:00:00"
# (see docs/scale.md). PACK: cells in a task. NODE_PYTHON: our Python there, if not as here.
ON :=
SHARED :=
SLURM :=
PACK :=
NODE_PYTHON :=
RUN = $(addprefix --jobs ,$(JOBS)) $(addprefix --first ,$(FIRST)) \
	$(if $(ON),--on $(ON) --shared "$(SHARED)") $(addprefix --pack ,$(PACK)) \
	$(if $(SLURM),--options "$(SLURM)") $(if $(NODE_PYTHON),--python "$(NODE_PYTHON)")
# Cells whose results should come first: make study FIRST="smear2_s0 attn1_s0".
FIRST :=
A := HEAD
B := workspace
# Tests of one file stay with one worker: they share what is expensive to make.
DIST := loadfile
SPREAD = -n logical --maxprocesses 4 --dist $(DIST) --no-loadscope-reorder
# The slow tests to run; all of them if it is empty.
PART :=
# Not $(abspath ...), which takes a space in the path for the end of it.
BIN := $(if $(filter /%,$(VENV)),,$(CURDIR)/)$(VENV)/bin
# DVC runs `python -m stages.<name>`: that must be the one of .venv.
export PATH := $(BIN):$(PATH)
# What would make Python run other code than that of .venv and of this folder.
unexport PYTHONHOME PYTHONINSPECT PYTHONOPTIMIZE PYTHONPATH PYTHONPLATLIBDIR PYTHONSAFEPATH PYTHONWARNINGS
# pyright keeps its program here, not in the home folder.
export PYRIGHT_PYTHON_CACHE_DIR := $(BIN)/../pyright

.DEFAULT_GOAL := help
.PHONY: help study published jobs verify test test-slow lint bench sql compare plan readme questions lock clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

study: $(VENV)/installed ## the study: what params.yaml asks for and is not there yet (JOBS=2: two cells at a time; FIRST=smear2_s0: that cell first; ON=slurm: on a cluster)
	@induction study $(RUN)

published: $(VENV)/installed ## the study and the published run: longer training, several seeds of every model (JOBS, FIRST, ON, too)
	@induction study --published $(RUN)

jobs: $(VENV)/installed ## the cells of a study on a cluster: state, stage, node, log
	@induction jobs

verify: $(VENV)/installed ## check files against dvc.lock, params.yaml and the code
	@induction verify

test: $(VENV)/installed ## the tests
	@python -m pytest $(SPREAD)

test-slow: $(VENV)/installed ## hundreds of kills, remotes, every rerun rule; PART=tests/pipeline/test_study.py: those alone
	@python -m pytest $(SPREAD) -m slow $(PART)

lint: $(VENV)/installed ## linter, types, and whether dvc.yaml is up to date
	@ruff check .
	@ruff format --check .
	@induction plan --check
	@pyright --pythonpath "$(BIN)/python"

bench: $(VENV)/installed ## the inner loops alone (training, losses, ablations), then queries over 10^8 rows
	@induction bench
	@induction bench --queries

sql: $(VENV)/installed ## a prompt with one view per table
	@induction query

compare: $(VENV)/installed ## what changed: make compare A=HEAD~1 B=workspace
	@induction compare "$(A)" "$(B)"

plan: $(VENV)/installed ## write dvc.yaml anew from params.yaml and stages/
	@induction plan

questions: $(VENV)/installed ## write the answers of docs/questions.md from the tables
	@induction questions

readme: $(VENV)/installed ## write the numbers of README.md and docs/results.md from the reports
	@induction readme

lock: ## pin what the pins need: write constraints.txt from .venv as it is
	@"$(BIN)/pip" freeze --exclude pip --exclude-editable | sed 's/+.*//' > constraints.txt

clean: ## remove what is half-done, training states too; data/, reports/ and the cache stay
	@rm -rf .scratch .pytest_cache .ruff_cache

# The scripts of .venv and the package in it name the folder that they were installed in.
MOVED := $(shell [ -s "$(VENV)/installed" ] && [ "$$(cat "$(VENV)/installed")" != "$$(pwd -P)" ] && echo yes)
ifdef MOVED
.PHONY: $(VENV)/installed
endif

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON) is older than 3.11; run make PYTHON=python3.11 (or newer)" >&2; exit 1; }
	@$(PYTHON) -m induction.pipeline.repository
	@echo "installing into $(VENV) $(if $(MOVED),anew: it was installed in another folder )..."
	@$(PYTHON) -m venv $(if $(MOVED),--clear) "$(VENV)"
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check pip==26.3
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --no-compile \
		--constraint constraints.txt --group dev
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --editable .
	@pwd -P > $@
