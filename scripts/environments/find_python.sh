#!/bin/sh
# Prints the path of a working CPython 3.13. If there is none, installs one: as root on Debian and Ubuntu the
# distribution's package, otherwise uv's managed Python. If that fails, prints how to install it and fails.
# Each candidate is started, because a pyenv shim can be on PATH while another version is selected.

suits() {
    [ -x "$1" ] && "$1" -c '
import sys, sysconfig, ssl, ctypes, venv
suits = sys.implementation.name == "cpython" and sys.version_info[:2] == (3, 13) and not sysconfig.get_config_var("Py_GIL_DISABLED")
sys.exit(0 if suits else 1)' >/dev/null 2>&1
}

candidates() {
    [ -n "$PYTHON" ] && command -v "$PYTHON"
    for name in python3.13 python3 python; do
        (IFS=:; for folder in $PATH; do [ -x "$folder/$name" ] && printf '%s\n' "$folder/$name"; done)
    done
    command -v uv >/dev/null 2>&1 && uv python find --no-python-downloads --system 3.13 2>/dev/null
    for pattern in \
        "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.13*/bin/python3.13" \
        "${UV_PYTHON_INSTALL_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/uv/python}/cpython-3.13*/bin/python3.13" \
        "$HOME/.asdf/installs/python/3.13*/bin/python3.13" \
        "$HOME/.local/share/mise/installs/python/3.13*/bin/python3.13" \
        "/usr/bin/python3.13" "/usr/local/bin/python3.13" "/opt/homebrew/bin/python3.13" "/usr/local/opt/python@3.13/bin/python3.13" \
        "/opt/python/*3.13*/bin/python3.13" "/opt/hostedtoolcache/Python/3.13*/*/bin/python3.13" \
        "/Library/Frameworks/Python.framework/Versions/3.13/bin/python3.13"; do
        for path in $pattern; do printf '%s\n' "$path"; done
    done
}

first_that_suits() {
    candidates | while read -r path; do
        if suits "$path"; then printf '%s\n' "$path"; break; fi
    done
}

say() { printf 'setup: %s\n' "$1" >&2; }

get_from_debian() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
    say "no CPython 3.13 found, installing the distribution's package"
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3.13 python3.13-venv; } >/dev/null 2>&1
}

# Prints the path of uv: the machine's own, or the locked version, which any Python 3 with venv can install.
find_uv() {
    if command -v uv; then
        return
    fi
    for python in python3 python; do
        if [ ! -x .venv-uv/bin/uv ] && command -v "$python" >/dev/null 2>&1; then
            rm -rf .venv-uv
            "$python" -m venv .venv-uv >/dev/null 2>&1 &&
                .venv-uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
                    -r requirements/uv.txt >&2 || rm -rf .venv-uv
        fi
    done
    [ -x .venv-uv/bin/uv ] && echo .venv-uv/bin/uv
}

get_from_uv() {
    uv=$(find_uv) || return 1
    say "no CPython 3.13 found, installing uv's Python (uv python install 3.13)"
    UV_SYSTEM_CERTS=1 "$uv" python install --quiet --no-config 3.13 >&2
}

found=$(first_that_suits)
for get in get_from_debian get_from_uv; do
    if [ -z "$found" ] && "$get"; then
        found=$(first_that_suits)
    fi
done
if [ -n "$found" ]; then
    printf '%s\n' "$found"
    exit 0
fi
cat >&2 <<'MESSAGE'
DriftGuard needs CPython 3.13, the version that its functions run on. No working one was found, and none could be
downloaded. Install it in one of these ways, then run the command again:
    uv python install 3.13
    pyenv install 3.13
    apt-get install python3.13 python3.13-venv      (if your distribution has it)
    brew install python@3.13
If it is installed elsewhere, name its path:  make setup PYTHON=/path/to/python3.13
MESSAGE
exit 1
