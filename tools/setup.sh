#!/bin/sh
# Make the virtual environment and install in it the exact, hash-checked versions of requirements.lock,
# or, of another file that is named, the newest versions that it allows.
#
#     sh tools/setup.sh
#     VENV=.venv-parity sh tools/setup.sh requirements-parity.txt
#
# VENV is the folder (.venv), PYTHON the interpreter that makes it (else the first of python3,
# python3.14 ... python3.11 that is new enough). A second call takes no time; a changed list of
# packages, a moved folder and another PYTHON are noticed.
set -eu
cd "$(dirname "$0")/.."

list=${1:-requirements.lock}
venv=${VENV:-.venv}
inside=$venv/bin/python

stop() { echo "$1" >&2; exit 1; }
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
version() { "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null || true; }

usable() {
    new_enough "$inside" && [ "$(cat "$venv/made-in" 2>/dev/null)" = "$(pwd)" ] &&
        { [ -z "${PYTHON:-}" ] || [ "$(version "$PYTHON")" = "$(version "$inside")" ]; }
}

make_environment() {
    for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11} ''; do
        [ -z "$python" ] || ! new_enough "$python" || break
    done
    asked=${PYTHON:-python3}
    found=$(version "$asked")
    [ -n "$python" ] ||
        stop "Python 3.11 or newer is needed, and $asked is ${found:-not there}: install it\
 (Debian, Ubuntu: apt install python3 python3-venv), or name one with PYTHON=python3.13."
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        stop "Python $(version "$python") lacks its venv module: install it (Debian, Ubuntu:\
 apt install python3-venv), then run the same command again."
    [ ! -e "$venv" ] || [ -e "$venv/pyvenv.cfg" ] ||
        stop "$venv is there and is no virtual environment: name another folder with VENV=folder."
    echo "Making a virtual environment in $venv with Python $(version "$python")"
    "$python" -m venv --clear "$venv"
    pwd >"$venv/made-in"
}

pip() { "$inside" -m pip install --quiet --disable-pip-version-check "$@"; }

# The lock's own uv takes seconds for the rest of it, where pip takes a minute or two.
with_uv() {
    sed -n '/^uv==/,/[^\\]$/p' "$list" >"$venv/uv.txt"
    pip --require-hashes -r "$venv/uv.txt" &&
        "$inside" -m uv pip install --quiet --python "$inside" --require-hashes -r "$list"
}

usable || make_environment
wanted=$(cat "$list" pyproject.toml | cksum)
[ "$(cat "$venv/installed" 2>/dev/null)" != "$wanted" ] || exit 0

rm -f "$venv/installed"
case $list in
*.lock)
    echo "Installing the packages of $list in $venv (about 600 MB)"
    with_uv 2>/dev/null || pip --require-hashes -r "$list"
    pip --no-deps --no-build-isolation --editable .
    ;;
*)
    echo "Installing the packages of $list in $venv (1 to 6 GB; some minutes)"
    pip -r "$list" --editable .
    ;;
esac
# Done here, because it takes seconds and would show up in the first notebook that draws.
"$inside" -c 'import matplotlib.font_manager'
echo "$wanted" >"$venv/installed"
