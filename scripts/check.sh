#!/bin/sh
# Everything that must hold before a change goes in; all of it is looked at, then the exit status tells.
cd "$(dirname "$0")/.." || exit 1
export PATH="$PWD/.venv/bin:$PATH" PYTHONPATH=layers/driftguard SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=eu-west-1
failed=""

step() {
    name=$1
    shift
    printf '\n=== %s\n' "$name"
    "$@" || failed="$failed  $name\n"
}

# As SAM transforms it, and as each of rules' deployments decides it.
transformed() {
    python -m scripts.generate.transform .aws-sam/templates && cfn-lint --ignore-templates template.yaml -t .aws-sam/templates/*.json
}

# By default, and with every option on, where fewer exceptions are left.
policies() {
    sh scripts/environments/setup.sh checkov &&
        .venv-checkov/bin/checkov --config-file .checkov.yaml --file template.yaml .aws-sam/templates/defaults.json &&
        .venv-checkov/bin/checkov --config-file .checkov-everything.yaml --file .aws-sam/templates/everything.json
}

# The library on the oldest Python, then all of the client with its tests and examples on this one.
client_types() {
    (cd clients/python && mypy --config-file pyproject.toml && mypy --config-file mypy.ini)
}

step "format" ruff format --check .
step "lint" ruff check .
step "engine source" python -m scripts.build.wheels --source
step "types" mypy
step "types of the client" client_types
step "dashboard types" sh scripts/build/dashboard.sh types
step "template" python -m scripts.generate.template --check
step "OpenAPI document" python -m scripts.generate.openapi --check
step "sam validate" .venv-sam/bin/sam validate --lint
step "cfn-lint, source, in every region" cfn-lint --regions ALL_REGIONS
step "cfn-lint, budget" cfn-lint --ignore-templates template.yaml --regions us-east-1 --template budget.yaml
step "cfn-lint, transformed" transformed
step "checkov" policies
step "house rules" python -m rules
step "tests" make test

if [ -n "$failed" ]; then
    printf '\nFailed:\n%b' "$failed"
    exit 1
fi
printf '\nAll checks passed.\n'
