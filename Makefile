# Two commands on a fresh machine: `make demo` and `make test`. Both set everything up by themselves.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help setup lock format lint types contracts fast tree check demo test interop bench picture example clean

help: ## what each target does
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

setup: $(VENV)/.ready ## the environment in .venv, from the lock

$(VENV)/.ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r .bootstrap.lock
	UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

lock: ## write requirements.lock and .bootstrap.lock anew from pyproject.toml
	echo 'uv==0.13.9' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header - -o .bootstrap.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --extra compiler --extra demo --group dev pyproject.toml -o requirements.lock

format: setup ## format the code
	$(BIN)/ruff format --quiet
	$(BIN)/ruff check --fix --quiet

lint: setup
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet

types: setup
	$(BIN)/mypy

contracts: setup
	$(BIN)/lint-imports --no-cache

fast: setup
	$(BIN)/pytest -q -n 2 -m 'not service and not interop'

tree: setup ## the repository's own YAML: no errors, byte-identical twice, schemas and pages up to date
	$(BIN)/conductor check
	@rm -rf .demo/build && mkdir -p .demo/build
	PYTHONHASHSEED=1 $(BIN)/conductor build -o .demo/build/one
	PYTHONHASHSEED=2 $(BIN)/conductor build -o .demo/build/two
	diff -r .demo/build/one .demo/build/two
	@rm -rf .demo/build
	$(BIN)/conductor schema --check

check: lint types contracts fast tree ## format, lint, types, import contracts, fast tests, the own YAML

demo: setup ## play the whole way on a PostgreSQL of its own, in plain words
	$(BIN)/conductor demo

test: check ## everything, real services included
	$(BIN)/pytest -q -n 2 --dist worksteal -m service

interop: setup ## the evidence in the hands of others: cosign, openssl, ssh-keygen, git, in-toto's own types
	$(BIN)/pytest -q -m interop tests/interop

bench: setup ## table and picture of docs/benchmarks.md, beside the peers
	$(BIN)/python -m tests.benchmarks --tenants 1000 10000 --write

picture: setup ## draw docs/demo.svg from a real run
	$(BIN)/conductor demo --picture docs/demo.svg

example: setup ## make docs/example anew, from a demo whose keys are thrown away
	scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && chmod 755 "$$scratch" && $(BIN)/conductor demo --dir "$$scratch/demo" --example docs/example

clean: ## remove what `make` made here; caches outside stay
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
