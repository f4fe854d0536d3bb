# `make run` and `make test` do all their own set-up; `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/pytest

.PHONY: bench-peers bench-pool help setup host image run test test-unit test-vm check fmt lint types layers bench soak faults long-output oracle \
    act-corpus lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## put the environment in .venv

$(STAMP): pyproject.toml requirements/dev.txt scripts/setup
	@scripts/setup $(VENV)
	@touch $@

host: ## install the Debian packages that are missing, saying which
	@scripts/install-host-packages

image: setup host ## build the default VM image, once
	@$(BIN)/terraphim-runner image build

run: image ## run the example workflow in a real VM
	@scripts/run-example $(BIN)/terraphim-runner

test: check test-unit test-vm ## everything CI runs

check: lint types layers ## everything that reads the code

test-unit: setup host ## the tests that need no VM
	$(PYTEST) -m "not vm"

test-vm: image ## the tests on real VMs
	$(PYTEST) -m vm

fmt: setup ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports

bench: image ## figures, as ratios to a floor measured in the same run
	$(BIN)/python -m bench

bench-pool: image ## figures of the pool; then 200 runs with failures through a pool of two
	$(BIN)/python -m bench.pool
	$(BIN)/python -m bench.pool.campaign

bench-peers: image ## the same workflows beside nektos/act on a Docker engine, where both can be had
	$(BIN)/python -m bench.peers

soak: image ## 200 cold boots and 1,000 restores under load
	$(BIN)/python -m bench.soak

faults: image ## 100 runs with randomised faults; then nothing may be left
	$(BIN)/python -m bench.faults

long-output: image ## a step that prints 1 GiB, as a process and in a VM: complete, in order, masked, in bounded memory
	LONG_OUTPUT_MIB=1024 $(PYTEST) -s --timeout 3600 tests/contract/test_long_output.py tests/vm/test_long_output.py

oracle: setup ## compare with GitHub's own evaluator and parser from npm
	$(BIN)/python -m tests.oracle

act-corpus: image ## run act's own workflows in real VMs and compare with act's table of results
	$(PYTEST) tests/conformance/test_act_workflows.py

lock: setup ## rewrite requirements/ from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-emit-index-url --no-header \
	    --python-version 3.11 --quiet --output-file requirements/dev.txt

clean: ## remove what make made here; images and templates stay in your data directory
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
