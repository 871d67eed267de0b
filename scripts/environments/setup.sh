#!/bin/sh
# Creates the virtual environments from the hashed locks:
#   .venv          the project and its tools
#   .venv-sam      the SAM command line, which pins other versions
#   .venv-runtime  the packages that Lambda provides, for functions of the local stack
#   .venv-checkov  only with `setup.sh checkov`
# If nothing has changed, this script only compares checksums.
set -eu
cd "$(dirname "$0")/../.."

export UV_SYSTEM_CERTS=1 # use the machine's certificates, as pip does

sum() { cat "$@" | { sha256sum 2>/dev/null || shasum -a 256; } | cut -d' ' -f1; }

# install ENVIRONMENT LOCK: install exactly the packages of the lock.
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
            echo "setup: $python cannot create a virtual environment (on Debian: apt-get install python3.13-venv)" >&2
            exit 1
        }
    }
    if ! [ -x .venv/bin/uv ]; then
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
    fi
    # pip is slower, but uses an index or a proxy that is configured for pip.
    .venv/bin/uv pip sync --quiet --require-hashes --python "$environment/bin/python" "$lock" ||
        "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
    echo "$wanted" >"$stamp"
}

install .venv requirements/dev.txt
install .venv-sam requirements/sam.txt
install .venv-runtime requirements/runtime.txt
[ "${1:-}" != checkov ] || install .venv-checkov requirements/checkov.txt
