# make demo   installs the light package in .venv-demo and aligns the faces of demo/photos
# make test   installs everything in .venv and runs ruff, mypy and the tests; its last line says what was skipped
# make docs   builds the site of the documentation in build/docs
# All make their own environment; the second time they only do what has changed.

SHELL := /bin/sh
.DEFAULT_GOAL := help
# The environments stand alone: no packages of the caller's.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
.PHONY: help demo picture test check format docs clean

# The first interpreter of 3.11 or newer that really runs; override with `make demo PYTHON=/path/to/python`.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	if $$name -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	then echo $$name; break; fi; done)

DEMO := .venv-demo
DEV := .venv
SITE := build/docs
PHOTOS := demo/photos
RESULTS := demo/results
SOURCES := pyproject.toml $(shell find src page -type f ! -name '*.pyc' ! -name '.*')
PIP := -m pip install --quiet --disable-pip-version-check
# Where the CPU build of torch is, for machines that have none at hand.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

help:
	@sed -n 's/^# make/make/p' Makefile

demo: $(DEMO)/.installed
	@$(DEMO)/bin/lineament align $(PHOTOS) --out $(RESULTS) --format obj,json
	@echo
	@echo "Done. For each photograph of $(PHOTOS) you find in $(CURDIR)/$(RESULTS):"
	@cd $(RESULTS) && ls -1 *_overlay.png *.obj *.json | sed 's|^|  $(CURDIR)/$(RESULTS)/|'

# The picture of the README, made of the demo's results.
picture: demo
	@$(DEMO)/bin/python demo/picture.py $(RESULTS) docs/images/demo.jpg

# Two processes, a file of tests at a time in each, and a thread of their own for the libraries of either: more would
# wait for one another. TEST_OPTIONS=-n0 runs them in one process.
TEST_OPTIONS ?= -n 2 --dist loadfile
test: check
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(DEV)/bin/python -m pytest $(TEST_OPTIONS)

check: $(DEV)/.installed
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/mypy

format: $(DEV)/.installed
	$(DEV)/bin/ruff check --fix --quiet . || true
	$(DEV)/bin/ruff format .

# A dead link or a page without a place stops it, as in the tests.
docs: $(DEV)/.installed
	@$(DEV)/bin/python -m sphinx -W --keep-going -q -b html docs $(SITE)
	@echo "open $(CURDIR)/$(SITE)/index.html"

clean:
	rm -rf $(SITE) $(DEMO) $(DEV) $(RESULTS)

%/.made:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer (with venv) was not found. Install it, or say" \
		"where it is: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "making $* with $$($(PYTHON) -c 'import sys; print(sys.executable, sys.version.split()[0])')"
	@$(PYTHON) -m venv --clear $*
	@touch $@

$(DEMO)/.installed: $(SOURCES) | $(DEMO)/.made
	@echo "installing lineament (light) in $(DEMO)"
	@$(DEMO)/bin/python $(PIP) .
	@touch $@

# torch first and by its exact build: a plain requirement would bring gigabytes of CUDA libraries.
$(DEV)/.torch: constraints.txt | $(DEV)/.made
	@echo "installing the CPU build of torch in $(DEV)"
	@$(DEV)/bin/python $(PIP) "$$(grep ^torch== constraints.txt)+cpu" 2>/dev/null \
		|| $(DEV)/bin/python $(PIP) --extra-index-url $(TORCH_INDEX) "$$(grep ^torch== constraints.txt)+cpu" \
		|| $(DEV)/bin/python $(PIP) "$$(grep ^torch== constraints.txt)"
	@touch $@

$(DEV)/.installed: pyproject.toml constraints.txt $(DEV)/.torch | $(DEV)/.made
	@echo "installing lineament with the development extras in $(DEV)"
	@$(DEV)/bin/python $(PIP) --constraint constraints.txt --editable '.[dev]'
	@touch $@
