# Every command of the project. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help setup demo serve test check bench deep docs migrations clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: ## make the environment in .venv (as root: install the Debian packages too)
	@tools/setup

demo: setup ## the main job, end to end: push, build, test, approve, deploy
	@$(BIN)/codeyard demo

serve: setup ## serve on port 4599 with data in ./data
	@$(BIN)/codeyard serve --data data --port 4599

check: setup ## lint, types, imports
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

test: setup ## everything that CI runs
	@tools/test

deep: setup ## the randomized, crash and load tests with large counts
	@CODEYARD_DEEP=1 tools/test deep

bench: setup ## benchmarks beside their peers, ratios printed
	@tools/bench

docs: setup ## write docs/reference from the code
	@$(BIN)/python -m tools.reference

migrations: setup ## write a migration for what changed in the tables
	@$(BIN)/python -m codeyard.storage.migrations

clean: ## remove what was generated
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
