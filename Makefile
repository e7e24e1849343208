# `make run` is all that a first look needs; `make help` says the rest.
PYTHON ?= python3
OPENCETS = .venv/bin/opencets
PYTEST = .venv/bin/pytest
ARGS ?=
# Each process takes a home and a database server of its own (tests/conftest.py).
# Files go in their order: by their number of tests, the longest would come last and keep one process waiting.
SIDE_BY_SIDE = -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help run setup test test-parts proof-parts check proof bench reset

help: ## Say what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

run: ## Set everything up, load the demonstration, serve it on http://localhost:8000
	@$(PYTHON) scripts/bootstrap.py run
	@exec $(OPENCETS) demo $(ARGS)

setup: ## Set up alone: environment in .venv, pages, database
	@$(PYTHON) scripts/bootstrap.py run
	@$(OPENCETS) setup

test-parts:
	@$(PYTHON) scripts/bootstrap.py test

proof-parts:
	@$(PYTHON) scripts/bootstrap.py proof

test: test-parts ## Set up what the tests need, and run them all; or those that ARGS names
ifeq ($(ARGS),)
	$(PYTEST) $(SIDE_BY_SIDE) -m "not browser and not proof"
	$(PYTEST) -n 2 --dist loadfile --no-loadscope-reorder -m browser
else
	$(PYTEST) $(ARGS)
endif

check: test-parts ## The fast checks: layout, types, directions, fast tests (about eight minutes on two cores)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports
	@$(OPENCETS) setup
	.venv/bin/mypy
	cd frontend && npm run --silent typecheck
	.venv/bin/python scripts/audit_dependencies.py $(AUDIT)
	$(PYTEST) $(SIDE_BY_SIDE) -m "not slow and not browser and not proof" -q $(ARGS)

proof: proof-parts ## The slow proofs: killed workers, large worlds, both database servers
	OPENCETS_SCHEMA_EXAMPLES=60 $(PYTEST) -m "slow or proof" $(ARGS)

bench: proof-parts ## The figures of the README, as JSON in benchmarks/out
	@for part in hash match resolve link web; do $(OPENCETS) bench $$part --json || exit 1; done

reset: ## Start over: remove database, evidence and secrets in var
	@if [ -x $(OPENCETS) ]; then $(OPENCETS) reset $(if $(YES),--yes); else echo "Nothing is set up."; fi
