.DEFAULT_GOAL := help
.PHONY: help setup

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make or update .venv and .venv-sam from the hashed locks
	@PYTHON="$(PYTHON)" sh scripts/setup.sh
