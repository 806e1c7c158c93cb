# make run    set everything up, then serve the tutor            (GPU=1: CUDA build of vLLM)
# make test   set everything up, then run every check and test
# make setup  only the environment: .venv with the 'tutor' command in it
# make lint   ruff, mypy, import contracts
# make lock   compile requirements/*.in to fully pinned requirements/*.txt
# Models that the end-to-end tests serve are prepared once and kept here.
export TUTOR_TEST_HOME ?= $(CURDIR)/.cache/test-home
PROFILE := $(if $(GPU),gpu,cpu)
BIN := .venv/bin

.PHONY: run test setup lint lock
.DEFAULT_GOAL := run

setup:
	@requirements/install.sh $(PROFILE)

run: setup
	@$(BIN)/tutor serve

lint: setup
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

test: lint
	@tests/browser.sh
	@$(BIN)/python -m pytest -m "not e2e" -n auto --dist loadfile $(PYTEST_ARGS)
	@$(BIN)/python -m pytest -m e2e $(PYTEST_ARGS)

lock:
	@requirements/lock.sh
