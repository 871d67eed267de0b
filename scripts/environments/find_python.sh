#!/bin/sh
# Prints the path of a working CPython 3.13. If there is none, prints how to install it and fails.
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

found=$(candidates | while read -r path; do
    if suits "$path"; then printf '%s\n' "$path"; break; fi
done)
if [ -n "$found" ]; then
    printf '%s\n' "$found"
    exit 0
fi
cat >&2 <<'MESSAGE'
DriftGuard needs CPython 3.13, the version that its functions run on. No working one was found.
Install it in one of these ways, then run the command again:
    uv python install 3.13
    pyenv install 3.13
    apt-get install python3.13 python3.13-venv      (if your distribution has it)
    brew install python@3.13
If it is installed elsewhere, name its path:  make setup PYTHON=/path/to/python3.13
MESSAGE
exit 1
