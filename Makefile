# make run          a load test of the built-in mock; PROVIDER=anthropic picks another provider
# make test         all tests, in several processes (make test-runs, test-summary, ... are those of a folder)
# make quick        the tests that start no locust process, without whole reports and simulations
# make venv         only the environment, which the other targets need too
# make check        ruff and mypy; make fix mends what ruff can
# make bench        the cost of a call against the SDKs' own clients and Locust's; bench-full repeats it more often
# make bench-peers  streams per second compared with another load tester, which it installs
# make soak         checks that -i 1000 makes 1000 calls, with 0 to 3 workers and 1 to 64 users; takes a few minutes
# make test-browser the web UI's pages in a real Chromium, which must be installed
# make interop      the tests against LiteLLM and a third-party mock server
PROVIDER ?= openai
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SHELL := /bin/bash

# Without its compiled files, each process would compile the whole project anew: a fifth of a short run.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run venv test quick test-browser fix check bench bench-full bench-peers soak interop clean

run: $(READY)
	$(BIN)/locust --headless --mock -p $(PROVIDER) -u 4 -r 4 -i 40
	@printf '%-6s %-44s %s\n' \
		'Next:' 'make run PROVIDER=anthropic' 'the same through another SDK' \
		'' '$(BIN)/python report.py --html run.html' "this run's charts, as one HTML file" \
		'' '$(BIN)/locust --mock' 'the page, on http://localhost:8089'

venv: $(READY)

# The tests that start locust come first, the longest files before all others.
SLOW := $(addprefix tests/,commands workers runs simulations reports)
QUICK := $(addprefix tests/,answers providers harness charts summary gates wire mock) $(wildcard tests/test_*.py)
PYTEST := $(BIN)/python -m pytest -p tests.side_by_side --processes

test: $(READY)
	$(PYTEST) 8 $(SLOW) $(QUICK)

quick: $(READY)
	$(PYTEST) 6 $(QUICK)

test-browser: $(READY)
	@command -v chromium chromium-browser google-chrome >/dev/null || { echo "make test-browser needs Chromium: apt install chromium"; exit 1; }
	$(BIN)/python -m pytest tests/browser

test-%: $(READY)
	$(PYTEST) 4 tests/$*

fix: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m benchmarks

bench-full: $(READY)
	$(BIN)/python -m benchmarks --full

bench-peers: $(READY)
	$(BIN)/python -m benchmarks.peers

soak: $(READY)
	$(BIN)/python -m tests.soak

interop: $(READY)
	$(BIN)/python -m tests.interop

$(READY): requirements.lock
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	@echo "making the environment in $(VENV), once: this takes a minute or two"
	@python3 -m venv $(VENV)
	@echo "installing $$(grep -c == requirements.lock) packages from requirements.lock"
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check -r requirements.lock && echo "done in $$SECONDS s"
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
