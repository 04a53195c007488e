# Everything a person does with Kurs starts here: `make help`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PACKAGES := libs/kurs services/api-gateway services/payments services/fx services/wallet services/risk operator loadtest devstack
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help
help: ## show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-zA-Z0-9_-]+:.*## / {printf "  \033[36m%-18s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: check
check: ## ruff, mypy strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
