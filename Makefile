# DecisionOS: `make run` starts everything, `make test` proves it. Both do their own set-up.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help run test check bench trace docs clean browser

help:
	@echo "make run    start DecisionOS with PostgreSQL and Redis and a demo organization (Ctrl-C stops)"
	@echo "make test   run the whole test suite"
	@echo "make check  style, types, migrations, import contracts"
	@echo "make bench  measure, beside named peers"
	@echo "make trace  which requirement is proven by which test -> docs/traceability.md"
	@echo "make docs   build the documentation into site/"
	@echo "make clean  remove the environment and local data"

# A stamp per requirements file: installing again only when the pins change.
define install
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/pip install --quiet --require-hashes -r requirements/installer.txt
	@echo "installing the pinned packages ($(1))"
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements/$(1).txt \
	  || $(BIN)/pip install --quiet --require-hashes -r requirements/$(1).txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e . \
	  || $(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@
endef

$(VENV)/.product: requirements/product.txt requirements/installer.txt pyproject.toml
	$(call install,product)
$(VENV)/.develop: requirements/develop.txt requirements/installer.txt pyproject.toml
	$(call install,develop)
$(VENV)/.bench: requirements/bench.txt requirements/installer.txt pyproject.toml
	$(call install,bench)

run: $(VENV)/.product
	@exec $(BIN)/python manage.py run

test: $(VENV)/.develop
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

check: $(VENV)/.develop
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

bench: $(VENV)/.bench
	$(BIN)/python -m bench

trace: $(VENV)/.develop
	$(BIN)/python -m tests.trace

docs: $(VENV)/.develop
	$(BIN)/python -m docs.generate
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) var site .pytest_cache .mypy_cache .ruff_cache
