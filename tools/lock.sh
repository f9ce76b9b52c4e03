#!/bin/sh
# Write both lock files anew: the newest versions that the requirements allow, for every system and
# every Python from 3.11 on, each with the hashes of its files and no address to fetch it from.
set -eu
cd "$(dirname "$0")/.."

venv=${VENV:-.venv}
unset PIP_FIND_LINKS UV_FIND_LINKS

"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade uv

compile() {
    "$venv/bin/python" -m uv pip compile --quiet --upgrade --universal --generate-hashes \
        --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-annotate \
        --custom-compile-command "make lock" "$@"
}

# The readers' lock takes the versions of the test lock, so that one environment serves both.
compile requirements-test.txt --output-file requirements-test.lock
compile requirements.txt --constraint requirements-test.lock --output-file requirements.lock
echo "Wrote requirements.lock and requirements-test.lock; run make test before you commit them."
