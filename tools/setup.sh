#!/bin/sh
# Make the virtual environment and install the exact, hash-checked versions of one lock file in it,
# or, of a file that is no lock, the newest versions that it allows.
#
#     sh tools/setup.sh requirements.lock
#     VENV=.venv-parity sh tools/setup.sh requirements-parity.txt
#
# VENV is the folder (.venv), PYTHON the interpreter that makes it (else the first of python3,
# python3.14 ... python3.11 that is new enough). What was installed is written to a stamp, so a
# second call takes no time and a changed lock is noticed.
set -eu
cd "$(dirname "$0")/.."

lock=${1:-requirements.lock}
venv=${VENV:-.venv}
here=$(pwd)

stop() {
    echo "$1" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

version() {
    "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null || true
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        set -- python3 python3.14 python3.13 python3.12 python3.11
    fi
    for candidate in "$@"; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

# A folder that was moved, or a Python that was removed or chosen anew, needs a new environment.
usable() {
    new_enough "$venv/bin/python" && [ "$(cat "$venv/made-in" 2>/dev/null)" = "$here" ] &&
        { [ -z "${PYTHON:-}" ] || [ "$(version "$PYTHON")" = "$(version "$venv/bin/python")" ]; }
}

make_environment() {
    asked=${PYTHON:-python3}
    python=$(find_python)
    if [ -z "$python" ]; then
        found=$(version "$asked")
        stop "Python 3.11 or newer is needed, and $asked is ${found:-not there}: install it\
 (Debian, Ubuntu: apt install python3 python3-venv), or name one with PYTHON=python3.13."
    fi
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        stop "Python $(version "$python") lacks its venv module: install it (Debian, Ubuntu:\
 apt install python3-venv), then run the same command again."
    [ ! -e "$venv" ] || [ -e "$venv/pyvenv.cfg" ] ||
        stop "$venv is there and is no virtual environment: name another folder with VENV=folder."
    echo "Making a virtual environment in $venv with Python $(version "$python")"
    "$python" -m venv --clear "$venv"
    echo "$here" >"$venv/made-in"
}

fingerprint() {
    cat "$1" pyproject.toml | cksum
}

install() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

usable || make_environment

if [ "$(cat "$venv/installed-$lock" 2>/dev/null)" != "$(fingerprint "$lock")" ]; then
    rm -f "$venv"/installed-*
    case $lock in
    *.lock)
        echo "Installing the packages of $lock in $venv (about 500 MB; a minute or two)"
        install --require-hashes -r "$lock"
        install --no-deps --no-build-isolation --editable .
        # The test lock holds all of the readers' lock, in the same versions.
        also=requirements.lock
        ;;
    *)
        echo "Installing the packages of $lock in $venv (1 to 6 GB; some minutes)"
        install -r "$lock" --editable .
        also=$lock
        ;;
    esac
    # Done here, because it takes seconds and would show up in the first notebook that draws.
    "$venv/bin/python" -c 'import matplotlib.font_manager'
    for done in "$lock" "$also"; do
        fingerprint "$done" >"$venv/installed-$done"
    done
fi
