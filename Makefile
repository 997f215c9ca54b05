# Two commands: `make book` and `make test`. Needs Python 3.11, git and make; everything else is set up in .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
PROFILE ?= laptop
PORT ?= 8000
BIN := .venv/bin
SETUP := .venv/requirements.lock
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help setup book pdf data test lab serve bench lint lock clean

help:
	@echo "make book   the data, the chapters and the HTML book (PROFILE=smoke|laptop|paper)"
	@echo "make pdf    the same, and the whole book as one PDF (needs Chromium)"
	@echo "make test   the tests"
	@echo "make data   the simulated data set alone"
	@echo "make lab    JupyterLab on the notebooks"
	@echo "make serve  the built book at http://localhost:$(PORT)"
	@echo "make bench  the benchmarks as one table (BENCH=--no-setup downloads nothing)"
	@echo "make lint   ruff"
	@echo "make lock   requirements.lock anew (needs uv)"
	@echo "make clean  remove the built book and the runs; data and .venv stay"

setup: $(SETUP)

# The copy of the lock file in .venv says what is installed there: set-up is redone when the two differ.
$(SETUP): requirements.lock pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	  echo "This needs Python 3.11, and $(PYTHON) is `"$(PYTHON)" --version 2>/dev/null || echo missing`."; \
	  echo "Install it, or name it: make $(or $(MAKECMDGOALS),book) PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || { echo "Making the environment in .venv ..."; "$(PYTHON)" -m venv .venv; }
	@cmp -s requirements.lock $(SETUP) || { \
	  echo "Installing the locked packages into .venv (some minutes the first time) ..."; \
	  $(BIN)/python -m pip install --require-hashes -r requirements.lock; }
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@cp requirements.lock $(SETUP)

book: setup
	$(BIN)/sq book --profile $(PROFILE)

pdf: setup
	$(BIN)/sq book --profile $(PROFILE) --pdf

data: setup
	$(BIN)/sq data build --profile $(PROFILE)

test: setup
	@$(BIN)/python -m pytest --numprocesses auto --dist loadgroup

lab: setup
	$(BIN)/jupyter lab notebooks

serve: setup
	@test -f _build/html/index.html || { echo "There is no book yet: make book"; exit 1; }
	@echo "The book is at http://localhost:$(PORT) (Ctrl-C stops)"
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

bench: setup
	$(BIN)/python benchmarks $(BENCH)

lint: setup
	$(BIN)/ruff check

lock:
	uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-header -o requirements.lock

clean:
	rm -rf _build runs .pytest_cache .ruff_cache .hypothesis
