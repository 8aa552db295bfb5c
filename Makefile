# The commands a newcomer needs. `make help` lists them.
# uv makes the environment: an installed one, else a private copy under .uv/ (python3 with venv is enough).
.DEFAULT_GOAL := help
SHELL := /bin/bash
export UV_FROZEN = 1
export UV_PYTHON_DOWNLOADS = never

UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
PYTHON := .venv/bin/python

SOAK_MINUTES ?= 30
SOAK ?= tests/integration/faults tests/property tests/federation
FUZZ_SECONDS ?= 60

.PHONY: help demo test lint bench soak fuzz canon proto guard-pack format env env-lint clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.uv/bin/uv:
	@echo "Putting uv into .uv/ ..."
	@python3 -m venv .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check uv

.venv/.made: pyproject.toml uv.lock | $(filter .uv/bin/uv,$(UV))
	@echo "Making the environment in .venv/ ..."
	@$(UV) sync --quiet --inexact
	@touch $@

env: .venv/.made

env-lint: env
	@$(UV) sync --quiet --inexact --group lint

demo: env ## Three nodes on this machine: publish, replicate, match, withdraw, verify
	@$(PYTHON) -m tocsin_node demo $(DEMO)

test: env ## Run every test
	@$(UV) sync --quiet --inexact --group interop || true
	@$(PYTHON) -m pytest $(TESTS)

lint: env-lint ## Style, types, import rules, and that generated files are current
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/basedpyright
	@.venv/bin/lint-imports
	@$(PYTHON) proto/generate.py --check --uv $(UV)
	@$(PYTHON) -m tests.conformance.canon.generate --check

bench: env ## Measure, and print ratios to the limits of this machine
	@$(PYTHON) -m bench $(BENCH)

soak: env ## Kills, partitions, damage and federations for SOAK_MINUTES (30)
	@SOAK_MINUTES=$(SOAK_MINUTES) HYPOTHESIS_PROFILE=soak $(PYTHON) -m pytest -x -s -o timeout=0 $(SOAK)

fuzz: env ## Fuzz every parser for FUZZ_SECONDS (60) each: make fuzz FUZZ="csv card"
	@$(UV) sync --quiet --inexact --group fuzz || true
	@$(PYTHON) -m tests.fuzz.run --seconds $(FUZZ_SECONDS) $(FUZZ)

canon: env ## Make the vector files and the manifest of the canonical forms anew
	@$(PYTHON) -m tests.conformance.canon.generate

proto: env ## Generate the code under proto/ anew
	@$(PYTHON) proto/generate.py --uv $(UV)

guard-pack: env ## Build the lists of the never-share guard anew
	@$(UV) run --quiet --no-sync --with pymispwarninglists==1.7.0 --with disposable-email-domains==0.0.293 \
		python signals/build_guard_pack.py $(PACK)

format: env-lint ## Format the code
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix-only --quiet .

clean: ## Remove the environment and every cache
	@rm -rf .venv .uv .pytest_cache .ruff_cache .hypothesis .import_linter_cache
