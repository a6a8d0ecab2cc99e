# Everything a newcomer needs: `make demo`, `make test`. Each sets up .venv on first use.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install demo demo-runs docs docs-test test conformance lint format clean

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= 2

help:
	@echo "make demo     raw synthetic datasets -> faces -> manifest -> HFN_MP and ERM -> demo/report.html, comparison, a bundle (about five minutes)"
	@echo "make test     the test suite (ten to twenty minutes on two cores)"
	@echo "make conformance  every method against every rule in full: toy runs, 500 steps (half an hour; METHODS=erm for one)"
	@echo "make lint     ruff, mypy, and the layers of the packages (import-linter)"
	@echo "make docs     the site, in docs/_build/html/index.html (half a minute)"
	@echo "make docs-test  every command of README, site and method READMEs, on synthetic data (twelve minutes of a processor)"
	@echo "make install  only set up $(VENV)"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed; found none; install it or pass PYTHON=/path"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or newer is needed; found $$($(PYTHON) -V); pass PYTHON=/path/to/python3.11"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,ray]'
	@# Servers without libGL cannot load opencv-python; the headless build is the same cv2. Never both.
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { \
	  echo "opencv-python cannot be loaded here (no libGL?): installing opencv-python-headless instead"; \
	  $(BIN)/python -m pip uninstall --quiet -y opencv-python; \
	  PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check opencv-python-headless; \
	  $(BIN)/python -c 'import cv2'; }
	@touch $@

test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(TESTS)

# All methods are checked, whatever one of them breaks.
METHODS ?= $(shell $(BIN)/python -c 'from fastrain.methods.registry import METHODS; print(*METHODS)' 2>/dev/null)
conformance: install
	@failed=; for method in $(METHODS); do \
	  OMP_NUM_THREADS=1 $(BIN)/fastrain methods check $$method || failed="$$failed $$method"; done; \
	test -z "$$failed" || { echo "rules are broken by:$$failed"; exit 1; }

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The site. It reads nothing from the network, and neither do its pages.
docs: install
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -a -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# Each block of each document on the synthetic world; what was made is thrown away.
docs-test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal docs/test_documents.py

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# -- the demo -----------------------------------------------------------------------------------------------------
DEMO ?= demo
DEMO_SETS := CASIA-FASD Replay-Attack OULU-NPU MSU-MFSD
DEMO_SEEDS := 0 1 2
COMPARED := 0 1
demo_options = --protocol CIO-M --preset demo --data $(DEMO)/data --threads 1

demo: install
	@rm -rf $(DEMO)/runs
	$(BIN)/fasdata synth $(DEMO)/raw --preset demo
	for set in $(DEMO_SETS); do $(BIN)/fasdata extract $$set --root $(DEMO)/raw/$$set --out $(DEMO)/data; done
	$(BIN)/fasdata build-protocol CIO-M --data $(DEMO)/data
	@# One thread a run, as many runs at once as there are cores (JOBS): three seeds, and a control of each.
	$(MAKE) --no-print-directory -j $(JOBS) --output-sync=target demo-runs
	$(BIN)/fastrain report $(addprefix $(DEMO)/runs/seed,$(DEMO_SEEDS)) \
	  $(addprefix --control $(DEMO)/runs/shuffled,$(DEMO_SEEDS)) --out $(DEMO)/report.html
	$(BIN)/fastrain compare $(addprefix $(DEMO)/runs/seed,$(COMPARED)) $(addprefix $(DEMO)/runs/erm,$(COMPARED))
	@# What was trained becomes one file, which answers without torch.
	$(BIN)/fastrain export $(DEMO)/runs/seed0 --out $(DEMO)/pad.fasb
	@# Exit code 3: a clip without a face to score got no answer, which is one.
	$(BIN)/fastrain predict $(DEMO)/pad.fasb $(DEMO)/raw/MSU-MFSD/scene01/real || test $$? -eq 3

demo-runs: $(addprefix $(DEMO)/runs/seed,$(DEMO_SEEDS)) $(addprefix $(DEMO)/runs/shuffled,$(DEMO_SEEDS)) \
  $(addprefix $(DEMO)/runs/erm,$(COMPARED))

$(DEMO)/runs/seed%:
	OMP_NUM_THREADS=1 $(BIN)/fastrain run hfn_mp $(demo_options) --seed $* --out $@

$(DEMO)/runs/erm%:
	OMP_NUM_THREADS=1 $(BIN)/fastrain run erm $(demo_options) --seed $* --out $@

# The same training with labels permuted inside each source: what the numbers look like when there is nothing to learn.
$(DEMO)/runs/shuffled%:
	OMP_NUM_THREADS=1 $(BIN)/fastrain run hfn_mp $(demo_options) --seed $* --set data.shuffle_labels=true --out $@

clean:
	rm -rf $(DEMO) docs/_build docs/generated build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
