#!/bin/sh
# Makes .venv (the project and its tools), .venv-sam (the SAM command line, whose pins differ) and .venv-runtime (what Lambda itself
# brings, for the functions of the local stack) from the hashed locks; `setup.sh checkov` makes .venv-checkov besides.
# Run again with nothing changed it only compares a checksum.
set -eu
cd "$(dirname "$0")/../.."

export UV_SYSTEM_CERTS=1 # the machine's own certificates, as pip has it

sum() { cat "$@" | { sha256sum 2>/dev/null || shasum -a 256; } | cut -d' ' -f1; }

# install ENVIRONMENT LOCK: bring the environment to exactly what the lock says.
install() {
    environment=$1 lock=$2 stamp=$1/.installed
    wanted=$(sum "$lock" requirements/uv.txt scripts/environments/setup.sh)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && "$environment/bin/python" -c '' 2>/dev/null; then
        return
    fi
    python=$(sh scripts/environments/find_python.sh)
    echo "setup: $environment from $lock ($python)"
    "$environment/bin/python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null || {
        rm -rf "$environment"
        "$python" -m venv "$environment" || {
            echo "setup: $python cannot make a virtual environment (on Debian: apt-get install python3.13-venv)" >&2
            exit 1
        }
    }
    if ! [ -x .venv/bin/uv ]; then
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
    fi
    # pip is slower, but knows an index or a proxy that was set up for pip.
    .venv/bin/uv pip sync --quiet --require-hashes --python "$environment/bin/python" "$lock" ||
        "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
    echo "$wanted" >"$stamp"
}

install .venv requirements/dev.txt
install .venv-sam requirements/sam.txt
install .venv-runtime requirements/runtime.txt
[ "${1:-}" != checkov ] || install .venv-checkov requirements/checkov.txt
