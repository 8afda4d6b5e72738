# `make demo` and `make test` need Python >= 3.11, a C compiler and make; each makes its own .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PARALLEL := -n auto --maxprocesses 4 --dist loadfile  # a file of tests shares what it sets up
SOURCES := pyproject.toml meson.build cli.py $(wildcard src/sabotage/*.py kernels/* kernels/core/* reports/*.py reports/figures/*.py reports/templates/*)

.DEFAULT_GOAL := help
.PHONY: help demo test test-browser lint test-oldest packaging sanitize clean

help:
	@echo "make demo         analyse predictions on handwritten digits; the report is demo-report/report.html"
	@echo "make test         run the tests"
	@echo "make test-browser open reports in headless Chromium (chromium and chromedriver); pictures in browser-screenshots"
	@echo "make lint         ruff, and mypy on the installed package"
	@echo "make test-oldest  run the tests with the oldest dependencies that are supported"
	@echo "make packaging    install from an sdist, editably, and without a compiler, in empty environments"
	@echo "make sanitize     test the C core under address, undefined-behaviour and thread sanitizers (gcc)"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sabotage needs Python >= 3.11: make PYTHON=python3.11 ...")'
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check "meson-python>=0.18" "meson>=1.3" ninja build

# Not editable: an editable install checks for a rebuild at every start of the command.
$(VENV)/.installed: $(BIN)/python $(SOURCES)
	@echo "installing sabotage into $(VENV)"
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation .
	@touch $@

$(VENV)/.testing: pyproject.toml $(BIN)/python
	@echo "installing sabotage into $(VENV)"
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation ".[test]"
	@touch $@ $(VENV)/.installed

$(VENV)/.linting: pyproject.toml $(BIN)/python
	@echo "installing sabotage into $(VENV)"
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation ".[lint]"
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed
	@$(BIN)/sabotage demo -o demo-report

test: $(VENV)/.testing $(VENV)/.installed
	@$(BIN)/python -m pytest --quiet $(PARALLEL)

$(VENV)/.browsing: $(VENV)/.testing
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation ".[test,browser]"
	@touch $@ $(VENV)/.installed

test-browser: $(VENV)/.browsing $(VENV)/.installed
	@$(BIN)/python -m pytest --quiet tests/browser

# mypy cannot look through the build's import hooks, so it checks what was installed.
lint: $(VENV)/.linting $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --package sabotage

test-oldest:
	$(PYTHON) -m venv --clear .venv-oldest
	.venv-oldest/bin/pip install --quiet --disable-pip-version-check -c tests/oldest.txt ".[test]"
	.venv-oldest/bin/python -m pytest $(PARALLEL)

packaging: $(BIN)/python
	PYTHON=$(PYTHON) BUILD=$(CURDIR)/$(BIN) sh tests/packaging.sh

sanitize: $(VENV)/.testing
	BIN=$(CURDIR)/$(BIN) sh tests/sanitize.sh

clean:
	rm -rf .venv .venv-oldest build dist demo-report browser-screenshots .pytest_cache .mypy_cache .ruff_cache .hypothesis
