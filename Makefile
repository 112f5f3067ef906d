# `make demo` and `make test` do all set-up by themselves; everything they make stays in this directory (.venv, .cache), the engine apart.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
unexport PYTHONPATH PYTHONHOME PYTHONWARNINGS

PYTHON_HERE := .venv/bin/python
PYTEST := $(PYTHON_HERE) -m pytest
PARTS ?=
PYTHON_VERSION ?= 3.13

.PHONY: help setup engine demo test check lint types format bench soak wheels clean

help:
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## */  make \1\t/' | expand -t 16

setup:
	@.ci/python

engine: setup
	@.ci/engine
	@.ci/clients

demo: engine ## push an image, run it as a task, keep a service of it: unmodified clients, a real engine, then nothing is left
	@$(PYTHON_HERE) -m tests.demo

test: engine ## every test, those on the real engine included
	@.ci/clients tests
	@ECS_EMULATOR_TEST_ENGINE=required $(PYTEST) -m "not soak"

check: lint types ## lint, types, and the tests that need no engine
	@$(PYTEST) -m "not engine and not clients and not soak"

lint: setup
	@$(PYTHON_HERE) -m ruff check .
	@$(PYTHON_HERE) -m ruff format --check --quiet .

types: setup
	@$(PYTHON_HERE) -m mypy

format: setup ## lay the code out
	@$(PYTHON_HERE) -m ruff format .

bench: engine ## how fast, as ratios of one run; make bench PARTS="api registry" runs some of it
	@$(PYTHON_HERE) -m tests.benchmarks $(PARTS)

soak: engine ## the long tests
	@ECS_EMULATOR_TEST_ENGINE=required $(PYTEST) -m soak

wheels: setup ## the wheels that the Dockerfile copies, into dist/; make wheels PYTHON_VERSION=3.11 for a base with that Python
	@.ci/wheels $(PYTHON_VERSION)

clean: ## remove what the other targets made here
	@rm -rf .venv .cache dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
