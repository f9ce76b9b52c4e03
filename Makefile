# `make help` lists what there is. Everything runs in a virtual environment of its own, .venv, which
# the first command makes; nothing is installed outside this folder.

VENV ?= .venv
PYTHON ?=
PORT ?= 8000
LAB_OPTIONS ?=
NB ?=
PARITY_VENV ?= .venv-parity
BENCH_OPTIONS ?=
MUTANTS_OPTIONS ?=
EVERYWHERE_OPTIONS ?=

RUN := $(VENV)/bin/python
export VENV PYTHON

.DEFAULT_GOAL := help
.PHONY: help setup setup-test setup-parity book test lint lab serve refresh text notebook lock clean \
	parity bench mutants everywhere

help:
	@echo "make book       build the book into _build/html"
	@echo "make test       lint, unit tests, every notebook against its stored outputs, the built book"
	@echo "make parity     the library against PyTorch, PEFT and Hugging Face tokenizers (own environment)"
	@echo "make bench      speed and memory against PyTorch and PEFT (own environment; a quiet machine)"
	@echo "make mutants    whether the tests notice small wrong changes of the numerical code"
	@echo "make everywhere the notebooks under other BLAS kernels, threads, Pythons and NumPys"
	@echo "make lab        open the chapters in JupyterLab, with live sliders"
	@echo "make serve      show _build/html on this machine (PORT=$(PORT))"
	@echo "make refresh    run the notebooks and store their outputs (NB=chapters/01_x.ipynb for one)"
	@echo "make text       write a notebook as text, to edit it (NB=chapters/01_x.ipynb)"
	@echo "make notebook   bring the edited text back into the notebook (NB=chapters/01_x.ipynb)"
	@echo "make lint       check the code's style"
	@echo "make lock       pin the newest versions that the requirements allow"
	@echo "make clean      remove what the commands made, except .venv"
	@echo "PYTHON=python3.13 after a command chooses the Python that makes .venv (3.11 or newer)."

setup:
	@sh tools/setup.sh requirements.lock

setup-test:
	@sh tools/setup.sh requirements-test.lock

setup-parity:
	@VENV=$(PARITY_VENV) sh tools/setup.sh requirements-parity.txt

book: setup
	@$(RUN) tools/build_book.py

test: setup-test
	@$(RUN) tools/check.py

lint: setup-test
	@$(RUN) -m ruff check .

parity: setup-parity
	@$(PARITY_VENV)/bin/python -m pytest -q parity

bench: setup-parity
	@$(PARITY_VENV)/bin/python -m benchmarks $(BENCH_OPTIONS)

mutants: setup-test
	@$(RUN) tools/mutants.py $(MUTANTS_OPTIONS)

everywhere: setup-test
	@$(RUN) tools/everywhere.py $(EVERYWHERE_OPTIONS)

lab: setup
	@echo "Starting JupyterLab; Ctrl-C stops it."
	@$(RUN) -m jupyterlab $(LAB_OPTIONS) chapters

serve: setup
	@$(RUN) tools/serve.py --port $(PORT)

refresh: setup
	@$(RUN) tools/refresh.py $(NB)

text: setup
	@$(RUN) tools/notebook_text.py text $(NB)

notebook: setup
	@$(RUN) tools/notebook_text.py notebook $(NB)

lock: setup
	@sh tools/lock.sh

clean:
	rm -rf _build .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -not -path "./$(VENV)/*" -prune -exec rm -rf {} +
