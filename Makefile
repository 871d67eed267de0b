# Every target does its own set-up. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup lock openapi template build demo local test check format invoke sam-local deploy package undeploy backup restore restore-drill bench bench-check bench-alarms bench-categories bench-labels bench-peers evaluate load limits cost wheels pictures clean

PORT ?= 3000
# How many tests run at a time, a file in one place.
WORKERS ?= 2
# What `make deploy` builds for. Everything that runs here is built for this machine.
ARCHITECTURE ?= arm64
BUILT := .aws-sam/build
PY := .venv/bin/python
CONFIG ?= default
PREFIX ?= driftguard
WHERE := $(if $(REGION),--region $(REGION))
BENCH := PYTHONPATH=layers/driftguard:clients/python $(PY) -m bench

export SAM_CLI_TELEMETRY := 0
export PYTHONDONTWRITEBYTECODE := 1

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make or update the environments from the hashed locks
	@PYTHON="$(PYTHON)" sh scripts/environments/setup.sh

lock: setup ## Resolve requirements again, to the newest that fit
	@sh scripts/environments/lock.sh

openapi: setup ## Write the OpenAPI document out of the functions' types
	@PYTHONPATH=layers/driftguard $(PY) -m scripts.generate.openapi

template: setup ## Join the files in template/ into template.yaml
	@$(PY) -m scripts.generate.template

build: setup ## Build functions and layers for this machine (sam build)
	@sh scripts/build/build.sh here $(BUILT)

wheels: setup ## Build the wheels of the client library and of the engine into dist/
	@$(PY) -m scripts.build.wheels

pictures: build ## Draw the pictures of the dashboard and of e-mails in docs/img (PAGES="connect performance" for some, PAGES=emails)
	@PYTHONPATH=layers/driftguard $(PY) -m scripts.generate.pictures $(PAGES)

demo: build ## Start the stack here, replay four months of real flights, show what was found (WEEKS=4 for fewer)
	@$(PY) -m local --port 0 --fresh --state .local/demo --run "env PYTHONPATH=layers/driftguard:clients/python $(PY) -m demo $(if $(WEEKS),--weeks $(WEEKS))"

local: build ## Serve the stack here until stopped, keeping its data (PORT=3000)
	@$(PY) -m local --port $(PORT)

test: build ## Run every test (WORKERS=2 at a time)
	@sh scripts/environments/chromium.sh >/dev/null
	@$(PY) -m pytest -q -n $(WORKERS) --dist loadfile

check: build ## Format, lint, types, tests, templates, generated files
	@sh scripts/check.sh

format: setup ## Format the code
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix --quiet .

invoke: build ## Invoke one function of the stack that `make local` serves: FUNCTION=LogPredictionsFunction EVENT=events/x.json
	@$(PY) -m local.invoke "$(FUNCTION)" "$(EVENT)"

sam-local: build ## Invoke every file in events/ in real containers (sam local invoke; EVENTS=check_drift for some)
	@PYTHONPATH=layers/driftguard $(PY) -m scripts.containers.sam_local

deploy: setup ## Deploy to your AWS account (PARAMETERS="EmailFrom=…", CONFIG=default, REGION=, CONFIRM=no, OPTIONS="--tags team=ml" for SAM)
	@sh scripts/build/build.sh $(ARCHITECTURE) .aws-sam/deploy
	@$(PY) -m scripts.operate.deploy --config $(CONFIG) --architecture $(ARCHITECTURE) $(WHERE) $(if $(filter no,$(CONFIRM)),--no-confirm) $(PARAMETERS) -- $(OPTIONS)

package: setup ## Upload code and template to a bucket, for CDK, Terraform and consoles: BUCKET=my-artifacts (PREFIX=driftguard, REGION=)
	@test -n "$(BUCKET)" || { echo "package: name a bucket of the stack's region: make package BUCKET=my-artifacts" >&2; exit 1; }
	@sh scripts/build/build.sh $(ARCHITECTURE) .aws-sam/deploy
	@$(PY) -m scripts.operate.package --bucket $(BUCKET) --prefix $(PREFIX) --config $(CONFIG) $(WHERE)

undeploy: setup ## Take a deployed stack away with all its data, after asking (CONFIG=default, REGION=, CONFIRM=no)
	@$(PY) -m scripts.operate.undeploy --config $(CONFIG) $(WHERE) $(if $(filter no,$(CONFIRM)),--yes)

backup: setup ## Save all tables of a deployed stack at one moment, and its API keys: TO=folder (CONFIG=, REGION=, SUFFIX=)
	@$(PY) -m scripts.operate.backup export "$(TO)" --config $(CONFIG) $(WHERE) $(if $(SUFFIX),--suffix=$(SUFFIX))

restore: setup ## Bring a backup back into a deployed stack: FROM=folder (REPLACE=yes: delete what its tables hold)
	@$(PY) -m scripts.operate.backup restore "$(FROM)" --config $(CONFIG) $(WHERE) $(if $(filter yes,$(REPLACE)),--replace)

restore-drill: build ## Rehearse a disaster here: deploy, use, back up, destroy, deploy, restore, compare
	@$(PY) -m pytest -q -s tests/local/restore_drill.py

bench: build ## Measure checks beside other tools, write docs/benchmarks.md; print import times, sizes, the local stack's speed
	@$(BENCH) speed
	@$(PY) -m bench.footprint
	@$(PY) -m bench.client

bench-check: setup ## Measure the processor time of one check of 50 features (a minute)
	@$(BENCH) check

bench-alarms: setup ## Simulate months with and without drift, write docs/alarms.md (ALL=1: other traffic, EFFORT=1)
	@$(BENCH) alarms $(if $(ALL),--all) $(if $(EFFORT),--effort $(EFFORT))

bench-categories: setup ## Count false alarms of categorical features, 2 to 20,000 categories (PAIRS=140 baselines a shape)
	@PYTHONPATH=layers/driftguard $(PY) -m bench.alarms.categories $(PAIRS)

bench-labels: build ## Join real flights, judge months of car loans, let a storm of labels pass, write docs/ground-truth.md: ONLY=flights|http|months|storm
	@$(BENCH) labels $(if $(ONLY),--only $(ONLY)) $(if $(LABELS),--labels $(LABELS)) $(if $(MONTHS),--months $(MONTHS))

evaluate: setup ## Replay real data with DriftGuard, NannyML, Evidently and the classic rule, write docs/evaluation.md (SEEDS=3)
	@$(BENCH) evaluate $(if $(SEEDS),--seeds $(SEEDS))

load: build ## Load a stack here with 100 organizations and 1,000 models, write docs/load.md: USERS=8 SECONDS=60 MODELS=1000 (HELP=1)
	@$(BENCH) load $(if $(HELP),--help) $(if $(URL),--url $(URL)) $(if $(USERS),--users $(USERS)) $(if $(SECONDS),--seconds $(SECONDS)) \
		$(if $(MODELS),--models $(MODELS)) $(if $(ORGANIZATIONS),--organizations $(ORGANIZATIONS)) $(if $(MINUTES),--minutes $(MINUTES))

limits: setup ## Measure every function at its documented maximum and every route, write docs/limits.md
	@$(BENCH) limits

bench-peers: setup ## Install the tools that `make bench` compares with, each in an environment of its own
	@$(BENCH) peers

cost: setup ## Print what a month on AWS costs, and write docs/cost.md: PREDICTIONS=10000000 FEATURES=20 MODELS=10 (HELP=1)
	@PYTHONPATH=layers/driftguard $(PY) -m bench.cost.command $(if $(HELP),--help) $(if $(PREDICTIONS),--predictions $(PREDICTIONS)) \
		$(if $(FEATURES),--features $(FEATURES)) $(if $(MODELS),--models $(MODELS))

clean: ## Remove what was built and the local stack's data (the environments stay)
	@rm -rf .aws-sam .local .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
