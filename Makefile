# Two commands: `make book` and `make test`. Needs Python 3.11, 3.12 or 3.13 (PYTHON= names one), git and GNU make, of
# 3.81 or later; everything else is set up in .venv by setup.sh.
PROFILE ?= laptop
PORT ?= 8000
BIN := .venv/bin

# Honoured: from where the user's pip takes packages, by PIP_CONFIG_FILE, pip.conf, PIP_INDEX_URL, PIP_EXTRA_INDEX_URL,
# PIP_FIND_LINKS, PIP_NO_INDEX, PIP_PROXY, PIP_CERT, PIP_CACHE_DIR, PIP_ONLY_BINARY and the like; and what .venv fulfils,
# PIP_REQUIRE_VIRTUALENV. Not honoured: what puts them elsewhere than into .venv, or asks for others than the lock has.
# What stands here goes before a pip.conf, and setup.sh does the same for its `target` and `prefix`.
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_USER = 0
export PIP_DRY_RUN = 0
export PIP_REQUIRE_HASHES = 0
export PIP_CONSTRAINT = /dev/null
unexport PIP_TARGET PIP_PREFIX PIP_ROOT PIP_PYTHON PIP_REQUIREMENT PIP_EDITABLE
unexport PIP_PLATFORM PIP_PYTHON_VERSION PIP_IMPLEMENTATION PIP_ABI
# Nor what leads this Python to the modules of another (IPython adds those of VIRTUAL_ENV), or changes how it runs.
unexport PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONINSPECT PYTHONOPTIMIZE PYTHONWARNINGS PYTHONSAFEPATH PYTHONPLATLIBDIR
unexport VIRTUAL_ENV __PYVENV_LAUNCHER__

.PHONY: help setup book pdf data test lab serve bench lint lock clean

help:
	@echo "make book   the data, the chapters and the HTML book (PROFILE=smoke|workshop|laptop|paper)"
	@echo "make pdf    the same, and the whole book as one PDF (needs Chromium)"
	@echo "make test   the tests"
	@echo "make data   the simulated data set alone"
	@echo "make lab    JupyterLab on the notebooks"
	@echo "make serve  the built book at http://localhost:$(PORT)"
	@echo "make bench  the benchmarks as one table (BENCH=--no-setup downloads nothing)"
	@echo "make lint   ruff"
	@echo "make lock   requirements.lock anew (needs uv)"
	@echo "make clean  remove the built book and the runs; data and .venv stay"

setup:
	@sh setup.sh

book: setup
	$(BIN)/sq book --profile $(PROFILE)

pdf: setup
	$(BIN)/sq book --profile $(PROFILE) --pdf

data: setup
	$(BIN)/sq data build --profile $(PROFILE)

test: setup
	@$(BIN)/python -m pytest --numprocesses auto --dist loadscope --no-loadscope-reorder

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
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-header \
	  -o requirements.lock

clean:
	rm -rf _build runs .pytest_cache .ruff_cache .hypothesis
