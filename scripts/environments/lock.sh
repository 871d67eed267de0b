#!/bin/sh
# Resolves every *.in to its hashed lock. The locks contain no index address, so they work with any mirror.
set -eu
cd "$(dirname "$0")/../.."
export UV_SYSTEM_CERTS=1
resolve() {
    .venv/bin/uv pip compile --quiet --no-config --universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-annotate \
        --custom-compile-command 'make lock' --upgrade "$1" -o "$2"
}
resolve layers/dependencies/requirements.in layers/dependencies/requirements.txt
resolve layers/scientific/requirements.in layers/scientific/requirements.txt
resolve requirements/uv.in requirements/uv.txt
resolve requirements/runtime.in requirements/runtime.txt
resolve requirements/dev.in requirements/dev.txt
resolve requirements/sam.in requirements/sam.txt
resolve requirements/checkov.in requirements/checkov.txt
resolve requirements/node.in requirements/node.txt
