# What a fresh machine needs is Python 3.11 to 3.13 and make: every target installs what it uses into .venv first.
#
#   make demo    the Reuters R8 sample, from the raw files to a pushed model and one prediction
#   make test    every check and the fast tests
#   make bench   the measurements of README, each against a limit
#
# PYTHON=/path/to/python3.12 picks an interpreter; RECIPE=reuters-r8-lstm another pipeline for the demo.

.SHELLFLAGS := -eu -c
.DELETE_ON_ERROR:
.PHONY: help install demo check test bench lock clean

PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,\
	$(shell $(name) -c 'import sys, ensurepip; (3, 11) <= sys.version_info[:2] <= (3, 13) and print("$(name)")' 2>/dev/null)))
RECIPE ?= reuters-r8-linear
TEXT ?= shr loss vs profit of three dlrs in the fourth quarter
BENCH ?=

# A process holds TensorFlow and a few models: 4 GB at most. A file's tests share fixtures, so they stay in one process.
WORKERS ?= --numprocesses=auto --maxprocesses=4 --dist=loadfile

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
LOG := build/install.log

help:
	@sed -n 's/^#   //p' Makefile

install: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "Trainworks needs Python 3.11, 3.12 or 3.13 with its venv module (on Debian and Ubuntu: apt install python3-venv)." >&2; \
		echo "Found: $$(python3 --version 2>&1 | head -n 1). To name one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; \
		exit 1; \
	fi
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit("Trainworks needs Python 3.11, 3.12 or 3.13. Received: PYTHON=$(PYTHON), which is Python %d.%d" % v)'
	@echo "Installing into $(VENV) ($$($(PYTHON) --version)); the first time takes a minute or two."
	@mkdir -p $(dir $(LOG))
	@{ { [ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV); } \
		&& $(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements.lock \
		&& $(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e . \
		&& $(BIN)/python -m compileall -q components models pipeline schemas serving; \
	} >$(LOG) 2>&1 || { tail -n 40 $(LOG) >&2; echo "The installation failed; all of its output is in $(LOG)." >&2; exit 1; }
	@touch $@

demo: $(INSTALLED)
	[ -e demo/$(RECIPE).yaml ] || $(BIN)/trainworks sample reuters-r8 demo
	$(BIN)/trainworks run demo/$(RECIPE).yaml
	$(BIN)/trainworks predict demo/served/$(RECIPE) "$(TEXT)"
	@echo
	@echo "Done. The model is in demo/served/$(RECIPE), artifacts and lineage are in demo/.trainworks. What to type next:"
	@echo
	@echo "    source $(BIN)/activate"
	@echo "    trainworks run demo/$(RECIPE).yaml         # again: nothing has changed, so every step is cached"
	@echo "    trainworks runs --workspace demo/.trainworks  # what was run"
	@echo "    trainworks init tickets --task text           # a project of your own, ready to run and to edit"

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: check
	$(BIN)/python -m pytest $(WORKERS)

# `make bench BENCH="--quick startup"` measures less; see tests/benchmarks/__main__.py.
bench: $(INSTALLED)
	$(BIN)/python -m tests.benchmarks --json build/bench.json --markdown build/bench.md $(BENCH)

# The lock holds for Python 3.11 to 3.13 on every platform, and names no registry: pip takes packages from its own index.
lock:
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes --no-header -q \
		-o requirements.lock $(LOCK)
	@if grep -nE '://|--(extra-)?index-url|--find-links' requirements.lock; then \
		echo "requirements.lock must not name a registry; see the lines above." >&2; exit 1; \
	fi

clean:
	rm -rf build dist demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
