# The tasks of chainrule; `make help` lists them.

PYTHON ?= python3
OLDEST := 3.11
NEWER := 3.12 3.13
PROGRAMS ?= 20000

BIN := .venv/bin
# The environment grows in stages, so that a tour needs no development tools.
TOUR := .venv/.stamp
DEV := .venv/.stamp-dev
BENCH := .venv-bench/.stamp
PEERS := .venv-peers/.stamp

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help tour test chromium test-peers test-pythons check format bench fuzz grade docs lock clean

# A process for each core, up to eight; the tests of a file stay together.
SHARED := -n auto --maxprocesses 8 --dist loadfile

export PIP_DISABLE_PIP_VERSION_CHECK := 1

# $(call create,venv): an empty environment, or one line that says which Python is needed.
define create
@$(PYTHON) -c 'import sys; sys.exit("%d.%02d" % sys.version_info[:2] < "$(OLDEST)")' 2>/dev/null || { \
	found=$$($(PYTHON) --version 2>&1 | head -n 1 || true); \
	echo "chainrule needs Python $(OLDEST) or newer, '$(PYTHON)' is: $$found. Try: make PYTHON=python$(OLDEST)" >&2; \
	exit 1; }
@test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
endef

# $(call install,venv,requirements): the pinned packages.
define install
@echo "Installing $(2) into $(1)"
@$(1)/bin/python -m pip install -q -r $(2)
endef

# $(call editable,venv): chainrule itself; its build backend is among the pinned packages.
define editable
@$(1)/bin/python -m pip install -q --no-deps --no-build-isolation -e .
endef

# $(call freeze,file,below): what the lock's environment holds, less what the files below hold.
define freeze
@{ echo "# Pinned by 'make lock'."; $(patsubst %,echo "-r %";,$(lastword $(2))) \
	.venv-lock/bin/python -m pip freeze --exclude-editable \
	| { grep -vxF -f <(cat $(2) /dev/null) || test $$? -eq 1; }; } >$(1)
endef

help:  ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

tour: $(TOUR)  ## See what chainrule does
	@$(BIN)/chainrule tour

test: $(DEV) chromium  ## Run the tests, then the checks
	@$(BIN)/python -m pytest $(SHARED)
	@$(MAKE) --no-print-directory check

# The tests of pages need a browser; where it cannot be installed they are skipped, and say so.
chromium:
	@if command -v chromium-headless-shell chromium chromium-browser >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium for the tests of pages"; \
		export DEBIAN_FRONTEND=noninteractive; \
		{ apt-get update -qq; for package in chromium-headless-shell chromium; do \
			apt-get install -y -qq $$package fonts-dejavu-core && break; done; } >/dev/null 2>&1 \
			|| echo "Chromium could not be installed: the tests of pages are skipped"; \
	else \
		echo "No Chromium here: the tests of pages are skipped. Debian has it as 'chromium-headless-shell'."; \
	fi

check: $(DEV)  ## Lint, format, types and floors, without changing a file
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(DEV)  ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix-only -q
	@$(BIN)/ruff format

bench: $(BENCH)  ## Measure the named cases, beside other libraries; writes benchmarks/RESULTS.md
	@.venv-bench/bin/python -m benchmarks
	@.venv-bench/bin/python -m benchmarks training

fuzz: $(DEV)  ## Run 20,000 random programs; PROGRAMS and SEED set others
	@$(BIN)/python -m fuzz --programs $(PROGRAMS) $(if $(SEED),--seed $(SEED)) --jobs $$(nproc 2>/dev/null || echo 2)

grade: $(DEV)  ## Check all mistakes that are put into right backward passes
	@PYTHONPATH=tests $(BIN)/python -W ignore tests/grading.py

docs: $(DEV)  ## Write the pages that are made from the code
	@$(BIN)/python docs/operations.py

test-peers: $(PEERS)  ## Compare with PyTorch, in an environment of its own
	@status=0; .venv-peers/bin/python -m pytest -m peers --collect-only >/dev/null 2>&1 || status=$$?; \
	if [ $$status -eq 5 ]; then \
		echo "test-peers: no test carries the marker 'peers' yet, so there is nothing to compare."; \
	else \
		.venv-peers/bin/python -m pytest -m peers; \
	fi

# A pyenv shim is on PATH for a Python that is not selected, hence the trial run.
test-pythons:  ## Run the tests not marked slow under newer Pythons, where found
	@pyenv_root=$$(pyenv root 2>/dev/null || true); \
	for version in $(NEWER); do \
		found=; \
		for python in python$$version "$$pyenv_root"/versions/$$version*/bin/python; do \
			if "$$python" --version >/dev/null 2>&1; then found=$$python; break; fi; \
		done; \
		if [ -z "$$found" ]; then echo "test-pythons: no Python $$version here, skipped."; continue; fi; \
		echo "test-pythons: Python $$version"; \
		$(MAKE) --no-print-directory .venv-$$version/.stamp PYTHON="$$found"; \
		.venv-$$version/bin/python -m pytest $(SHARED) -m "not slow and not peers"; \
	done

lock:  ## Pin the newest dependencies in requirements-*.txt; needs the oldest Python
	@$(PYTHON) -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(OLDEST)")' \
		|| { echo "lock: pins must suit the oldest Python: make lock PYTHON=python$(OLDEST)" >&2; exit 1; }
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install -q --upgrade pip
	.venv-lock/bin/python -m pip install -q --group build
	.venv-lock/bin/python -m pip install -q --no-build-isolation -e '.[terminal]' --group tour
	$(call freeze,requirements-tour.txt)
	.venv-lock/bin/python -m pip install -q -c requirements-tour.txt --group dev
	$(call freeze,requirements-dev.txt,requirements-tour.txt)
	.venv-lock/bin/python -m pip install -q -c requirements-dev.txt --group bench
	$(call freeze,requirements-bench.txt,requirements-tour.txt requirements-dev.txt)
	rm -rf .venv-lock

clean:  ## Remove all that make has made
	rm -rf .venv .venv-* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(TOUR): pyproject.toml requirements-tour.txt
	$(call create,.venv)
	$(call install,.venv,requirements-tour.txt)
	$(call editable,.venv)
	@touch $@

$(DEV): $(TOUR) requirements-dev.txt
	$(call install,.venv,requirements-dev.txt)
	@touch $@

# Kept apart: torch is large. Its version stands in the group `peers` of pyproject.toml.
TORCH = $(shell sed -n 's/^peers = \["\(.*\)"\]$$/\1/p' pyproject.toml)
$(BENCH): pyproject.toml requirements-tour.txt requirements-dev.txt requirements-bench.txt
	$(call create,.venv-bench)
	$(call install,.venv-bench,requirements-bench.txt)
	@echo "Installing $(TORCH) into .venv-bench"
	@.venv-bench/bin/python -m pip install -q -c requirements-bench.txt '$(TORCH)'
	@.venv-bench/bin/python -m pip install -q mkl 2>/dev/null \
		|| echo "No MKL for this machine: its rows are left out"
	$(call editable,.venv-bench)
	@touch $@

$(PEERS): pyproject.toml requirements-tour.txt requirements-dev.txt
	$(call create,.venv-peers)
	$(call install,.venv-peers,requirements-dev.txt)
	@echo "Installing $(TORCH) into .venv-peers"
	@.venv-peers/bin/python -m pip install -q -c requirements-dev.txt '$(TORCH)'
	$(call editable,.venv-peers)
	@touch $@

$(NEWER:%=.venv-%/.stamp): pyproject.toml requirements-tour.txt requirements-dev.txt
	$(call create,$(@D))
	$(call install,$(@D),requirements-dev.txt)
	$(call editable,$(@D))
	@touch $@
