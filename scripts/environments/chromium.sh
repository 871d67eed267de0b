#!/bin/sh
# Prints the path of a Chromium for the browser tests: $CHROMIUM, an installed one, or one that apt-get installs.
set -eu
for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" "/Applications/Chromium.app/Contents/MacOS/Chromium"; do
    if [ -n "$name" ] && found=$(command -v "$name" 2>/dev/null); then
        echo "$found"
        exit 0
    fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "chromium: installing Debian's package for the browser tests" >&2
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1 || true
fi
command -v chromium || {
    echo "chromium: the browser tests need Chromium or Chrome; install one, or set CHROMIUM=/path/to/chromium" >&2
    exit 1
}
